#include <CLI/CLI.hpp>

#include "client/cli/commands.h"
#include "client/cli/completion_spec.h"
#include "client/cli/context.h"
#include "client/cli/exit_code.h"
#include "client/cli/json.h"
#include "client/cli/options.h"

namespace w2t::cli {

namespace {

int Completion(const std::string& shell, const CLI::App& app,
               const Context& context) {
  const CompletionSpec spec = ReadSpec(app);
  const std::string script = shell == "bash"  ? BashScript(spec)
                             : shell == "zsh" ? ZshScript(spec)
                                              : FishScript(spec);
  if (context.json()) {
    context.out
        << JsonObject().Add("shell", shell).Add("script", script).ToString()
        << "\n";
  } else {
    context.out << script;
  }
  return kSucceeded;
}

}  // namespace

void AddCompletion(CLI::App& app, Context& context) {
  auto shell = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand(
      "completion",
      "Print a script that completes commands and flags; load it with "
      "`source <(w2t completion bash)`");
  AddChoice(*command, "shell", *shell, {"bash", "zsh", "fish"},
            "The shell to make it for")
      ->required();
  command->callback([shell, &app, &context] {
    context.action = [shell, &app, &context] {
      return Completion(*shell, app, context);
    };
  });
}

}  // namespace w2t::cli
