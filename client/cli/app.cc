#include "client/cli/app.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <exception>
#include <new>

#include "client/cli/commands.h"
#include "client/cli/exit_code.h"
#include "client/cli/options.h"
#include "client/graphfile/scalars.h"
#include "w2t/internal/suggest.h"

namespace w2t::cli {

namespace {

void AddGlobalOptions(CLI::App& app, Context& context) {
  app.add_option("--server,-s", context.server,
                 "Address of the daemon; without one, `run` starts its own and "
                 "the others ask 127.0.0.1:7420")
      ->type_name("HOST:PORT|unix:PATH")
      ->envname("W2T_SERVER");
  app.add_option_function<std::string>(
         "--wait-for-server",
         [&context](const std::string& text) {
           context.wait_for_server = graphfile::ParseDuration(text);
           if (context.wait_for_server.has_value()) return;
           throw CLI::ValidationError(fmt::format(
               "--wait-for-server: \"{}\" is no duration such as 30s or 5m",
               text));
         },
         "How long to try again while the server is away. Without this: 1m "
         "for one that was reached before, and no wait for one that was not")
      ->type_name("DURATION")
      ->envname("W2T_WAIT_FOR_SERVER");
  AddChoice(app, "--output,-o", context.output, {"text", "json"},
            "How to print");
  AddChoice(app, "--color", context.color, {"auto", "always", "never"},
            "Colours; auto: on a terminal, unless NO_COLOR is set");
}

std::string UnknownCommand(const CLI::App& app, const std::string& word) {
  const auto commands =
      app.get_subcommands([](const CLI::App*) { return true; });
  const std::string_view meant =
      Suggest(word, commands.size(), [&commands](size_t i) {
        return std::string_view(commands[i]->get_name());
      });
  return fmt::format("there is no command \"{}\"{}", word,
                     meant.empty()
                         ? std::string()
                         : fmt::format("; did you mean `{}`?", meant));
}

// One line that says what is wrong and where to look.
int UsageError(const CLI::App& app, const CLI::ParseError& error,
               const Context& context) {
  const auto chosen = app.get_subcommands();
  const std::string command =
      chosen.empty() ? "w2t" : fmt::format("w2t {}", chosen[0]->get_name());
  const std::vector<std::string> rest = app.remaining();
  std::string message = error.what();
  if (chosen.empty()) {
    message = rest.empty() ? "name a command" : UnknownCommand(app, rest[0]);
  }
  context.err << fmt::format("w2t: error: {}\n  see `{} --help`\n", message,
                             command);
  return kBadUsage;
}

}  // namespace

std::unique_ptr<CLI::App> MakeApp(Context& context) {
  auto app = std::make_unique<CLI::App>(
      "w2t starts every task of a graph the moment it may start, on whichever\n"
      "worker fits. `w2t run FILE` needs nothing else: without a server it "
      "brings up its own.",
      "w2t");
  AddGlobalOptions(*app, context);
  app->require_subcommand(1);
  app->footer(kExitCodesHelp);
  AddRun(*app, context);
  AddUp(*app, context);
  AddDown(*app, context);
  AddPs(*app, context);
  AddRestart(*app, context);
  AddApply(*app, context);
  AddScaleCommand(*app, context);
  AddSubmit(*app, context);
  AddWatch(*app, context);
  AddStatus(*app, context);
  AddList(*app, context);
  AddLogs(*app, context);
  AddCancel(*app, context);
  AddValidate(*app, context);
  AddPlan(*app, context);
  AddExplain(*app, context);
  AddCriticalChain(*app, context);
  AddWorkers(*app, context);
  AddDrain(*app, context);
  AddCompletion(*app, context);
  AddVersion(*app, context);
  for (CLI::App* command : app->get_subcommands({})) command->fallthrough();
  return app;
}

namespace {

int Act(int argc, const char* const* argv, Context& context) {
  try {
    const std::unique_ptr<CLI::App> app = MakeApp(context);
    if (argc == 2 && std::string_view(argv[1]) == "--version") {
      const char* const version[] = {argv[0], "version"};
      app->parse(2, version);
    } else {
      try {
        app->parse(argc, argv);
      } catch (const CLI::Success& help) {
        app->exit(help, context.out, context.err);
        return kSucceeded;
      } catch (const CLI::ParseError& error) {
        return UsageError(*app, error, context);
      }
    }
    return context.action();
  } catch (const std::bad_alloc&) {
    return context.Fail(kFailed, "out of memory");
  } catch (const std::exception& error) {
    return context.Fail(kFailed, error.what());
  }
}

}  // namespace

int RunCli(int argc, const char* const* argv, Context& context) {
  return context.Finish(Act(argc, argv, context));
}

}  // namespace w2t::cli
