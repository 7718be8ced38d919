#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "client/cli/commands.h"
#include "client/cli/context.h"
#include "client/cli/exit_code.h"
#include "client/cli/json.h"
#include "client/cli/proto_time.h"
#include "client/cli/text.h"

namespace w2t::cli {

namespace {

// What the next task in the chain waited for.
std::string Until(v1::Condition condition) {
  switch (condition) {
    case v1::CONDITION_STARTED:
      return "started";
    case v1::CONDITION_READY:
      return "ready";
    default:
      return "";
  }
}

std::string ChainText(const std::string& run_id,
                      const v1::GetCriticalChainResponse& chain,
                      const Palette& palette) {
  if (chain.links().empty()) {
    return fmt::format("nothing of {} has started\n", run_id);
  }
  absl::Duration waited;
  absl::Duration took;
  Table table({"TASK", "WAITED", "TOOK", "STATE", "UNTIL"});
  for (const v1::ChainLink& link : chain.links()) {
    waited += ToDuration(link.waited());
    took += ToDuration(link.took());
    table.Add({link.task().name(), ElapsedText(ToDuration(link.waited())),
               ElapsedText(ToDuration(link.took())),
               palette.State(link.task().state(), Word(link.task().state())),
               Until(link.condition())});
  }
  return fmt::format(
      "{}: {}, of which {} waited for workers and attempts\n\n{}", run_id,
      palette.Bold(ElapsedText(waited + took)), ElapsedText(waited),
      table.ToString());
}

int Show(std::string run_id, const Context& context) {
  const auto client = context.Connect();
  if (!client.ok()) return context.Fail(client.status());
  if (run_id.empty()) {
    const auto latest = (*client)->LatestRun();
    if (!latest.ok()) return context.Fail(latest.status());
    run_id = latest->run_id();
  }
  const auto chain = (*client)->CriticalChain(run_id);
  if (!chain.ok()) return context.Fail(chain.status());
  context.out << (context.json()
                      ? ToJson(*chain) + "\n"
                      : ChainText(run_id, *chain, context.palette()));
  return kSucceeded;
}

}  // namespace

void AddCriticalChain(CLI::App& app, Context& context) {
  auto run_id = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand(
      "critical-chain",
      "The tasks that made a run as long as it was, one after the other");
  command->add_option("run", *run_id, "Id of the run; by default the latest")
      ->type_name("RUN");
  command->callback([run_id, &context] {
    context.action = [run_id, &context] { return Show(*run_id, context); };
  });
}

}  // namespace w2t::cli
