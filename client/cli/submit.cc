#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "client/cli/commands.h"
#include "client/cli/context.h"
#include "client/cli/exit_code.h"
#include "client/cli/graph_input.h"
#include "client/cli/json.h"

namespace w2t::cli {

namespace {

struct SubmitFlags {
  GraphFlags graph;
  bool hold = false;
  std::string request_id;
};

int Submit(const SubmitFlags& flags, const Context& context) {
  std::optional<graphfile::LoadResult> loaded =
      LoadGraphToRun(flags.graph, context);
  if (!loaded.has_value()) return kBadUsage;
  const auto client = context.Connect();
  if (!client.ok()) return context.Fail(client.status());
  const bool hold = flags.hold || HoldsByItself(*loaded);
  const auto submitted = (*client)->Submit(
      std::move(loaded->graph), {.hold = hold, .request_id = flags.request_id});
  if (!submitted.ok()) return context.Fail(submitted.status());
  context.out << (context.json() ? ToJson(*submitted) : submitted->run_id())
              << "\n";
  return kSucceeded;
}

}  // namespace

void AddSubmit(CLI::App& app, Context& context) {
  auto flags = std::make_shared<SubmitFlags>();
  CLI::App* command = app.add_subcommand(
      "submit", "Hand a graph to the daemon and print the run's id");
  AddGraphFlags(*command, flags->graph);
  command->add_flag("--hold", flags->hold,
                    "Keep services up after the last task has ended, until the "
                    "run is cancelled");
  command
      ->add_option("--request-id", flags->request_id,
                   "A repeated submit with the same id returns the same run")
      ->type_name("ID");
  command->callback([flags, &context] {
    context.action = [flags, &context] { return Submit(*flags, context); };
  });
}

}  // namespace w2t::cli
