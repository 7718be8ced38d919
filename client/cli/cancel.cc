#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "client/cli/commands.h"
#include "client/cli/context.h"
#include "client/cli/exit_code.h"
#include "client/cli/json.h"

namespace w2t::cli {

namespace {

struct CancelFlags {
  std::string run_id;
  std::string reason;
};

int Cancel(const CancelFlags& flags, const Context& context) {
  const auto client = context.Connect();
  if (!client.ok()) return context.Fail(client.status());
  auto run = (*client)->Cancel(flags.run_id, flags.reason);
  if (!run.ok()) return context.Fail(run.status());
  if (context.json()) {
    v1::CancelRunResponse response;
    *response.mutable_run() = *std::move(run);
    context.out << ToJson(response) << "\n";
    return kSucceeded;
  }
  const std::string state =
      context.palette().State(run->state(), Word(run->state()));
  if (IsEnded(run->state())) {
    context.out << fmt::format("{} has ended: {}\n", run->run_id(), state);
  } else {
    context.out << fmt::format("{} is {}: {}; `w2t watch {}` shows the rest\n",
                               run->run_id(), state, CountsText(run->counts()),
                               run->run_id());
  }
  return kSucceeded;
}

}  // namespace

void AddCancel(CLI::App& app, Context& context) {
  auto flags = std::make_shared<CancelFlags>();
  CLI::App* command = app.add_subcommand(
      "cancel",
      "Stop a run: nothing new starts, what runs is stopped in reverse order");
  command->add_option("run", flags->run_id, "Id of the run")
      ->type_name("RUN")
      ->required();
  command
      ->add_option("--reason", flags->reason, "Shown wherever the run is shown")
      ->type_name("TEXT");
  command->callback([flags, &context] {
    context.action = [flags, &context] { return Cancel(*flags, context); };
  });
}

}  // namespace w2t::cli
