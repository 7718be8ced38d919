#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "client/cli/commands.h"
#include "client/cli/context.h"
#include "client/cli/exit_code.h"
#include "client/cli/follow.h"
#include "client/cli/graph_input.h"
#include "client/cli/interrupts.h"
#include "client/cli/options.h"
#include "client/cli/private_fleet.h"

namespace w2t::cli {

namespace {

struct RunFlags {
  GraphFlags graph;
  uint32_t slots = Cores();
  bool slots_given = false;
  bool hold = false;
  bool keep_dir = false;
  bool quiet = false;
  bool no_logs = false;
};

// Submits the graph to the daemon at `client` and follows the run. `fleet` is
// null when the daemon is not ours.
int SubmitAndFollow(const RunFlags& flags, graphfile::LoadResult loaded,
                    Client& client, PrivateFleet* fleet,
                    const Interrupts& interrupts, const Context& context) {
  const bool hold = flags.hold || HoldsByItself(loaded);
  const auto submitted = client.Submit(std::move(loaded.graph), {.hold = hold});
  if (!submitted.ok()) return context.Fail(submitted.status());
  FollowOptions options{.run_id = submitted->run_id(),
                        .cancel_on_interrupt = true,
                        .cancel_on_lost_output = fleet != nullptr};
  options.display.blueprint = loaded.blueprint;
  options.display.from_start = true;
  options.display.quiet = flags.quiet;
  options.display.logs = !flags.no_logs && !flags.quiet;
  options.display.when_up = "every service is ready; ^C stops them";
  Follower follower(context, client, interrupts, std::move(options));
  if (fleet != nullptr) {
    fleet->OnDeath(
        [&follower](const absl::Status& status) { follower.Fail(status); });
  }
  const FollowResult result = follower.Follow();
  if (fleet != nullptr) fleet->OnDeath({});
  if (result.lost_output && fleet == nullptr) {
    return LeaveUnread(submitted->run_id(), context);
  }
  if (!result.run.has_value() && !result.interrupted) {
    const int exit_code = context.Fail(result.status);
    if (fleet == nullptr && IsUnreachable(result.status)) {
      TellHowToComeBack(submitted->run_id(), context);
    }
    return exit_code;
  }
  if (!result.run.has_value() && !result.status.ok()) {
    context.Fail(result.status);
  }
  return result.interrupted ? kInterrupted : ExitCodeOf(*result.run);
}

int RunPrivately(const RunFlags& flags, graphfile::LoadResult loaded,
                 Interrupts& interrupts, const Context& context) {
  auto fleet = PrivateFleet::Start(
      {.slots = flags.slots, .keep_dir = flags.keep_dir}, interrupts.token());
  if (!fleet.ok()) return context.Fail(fleet.status());
  interrupts.SetLastResort([&fleet] { (*fleet)->Abandon(); });
  int exit_code = kFailed;
  {
    // Gone before the daemon is stopped, which waits for its connections.
    const auto client = Client::Connect((*fleet)->address());
    exit_code = client.ok()
                    ? SubmitAndFollow(flags, std::move(loaded), **client,
                                      fleet->get(), interrupts, context)
                    : context.Fail(client.status());
  }
  context.out.flush();
  (*fleet)->Stop();
  interrupts.SetLastResort({});
  if (flags.keep_dir) {
    context.err << fmt::format(
        "kept {}: the journal, the logs and what the "
        "programs said\n",
        (*fleet)->dir());
  }
  return exit_code;
}

int Run(const RunFlags& flags, const Context& context) {
  Interrupts interrupts;
  std::optional<graphfile::LoadResult> loaded =
      LoadGraphToRun(flags.graph, context);
  if (!loaded.has_value()) return kBadUsage;
  if (!context.server.empty() && (flags.slots_given || flags.keep_dir)) {
    return context.Fail(
        kBadUsage,
        fmt::format("{} is for the worker and daemon that `run` starts, but "
                    "the server {} was named",
                    flags.slots_given ? "--slots" : "--keep-dir",
                    context.server));
  }
  if (context.server.empty()) {
    return RunPrivately(flags, *std::move(loaded), interrupts, context);
  }
  const auto client = context.Connect(interrupts.token());
  if (!client.ok()) return context.Fail(client.status());
  return SubmitAndFollow(flags, *std::move(loaded), **client, nullptr,
                         interrupts, context);
}

}  // namespace

void AddRun(CLI::App& app, Context& context) {
  auto flags = std::make_shared<RunFlags>();
  CLI::App* command = app.add_subcommand(
      "run",
      "Run a graph and show it until it has ended, on its own daemon if no "
      "server is named");
  command->footer(fmt::format(
      "Without --server or W2T_SERVER it starts a daemon and a worker, which "
      "only this run\nsees, and takes them down again. ^C cancels the run, "
      "stops what runs in reverse order\nand ends with 130; a second ^C leaves "
      "at once.\n\nWhen its output cannot be written any more, because its "
      "reader has gone for example,\na run on a daemon of its own is "
      "cancelled. "
      "On a server that was named it goes on.\n\n{}",
      kExitCodesHelp));
  AddGraphFlags(*command, flags->graph);
  const CLI::Option* slots = AddNumber(
      *command, "--slots", flags->slots, 1, 1'000'000,
      "Slots of the worker that is started; by default as many as there are "
      "processors");
  command->add_flag("--hold", flags->hold,
                    "Keep services up after the last task has ended, until ^C; "
                    "a graph of nothing but services is held anyway");
  command->add_flag("--keep-dir", flags->keep_dir,
                    "Leave the directory of the daemon that is started");
  command->add_flag("--quiet,-q", flags->quiet, "Only the summary at the end");
  command->add_flag("--no-logs", flags->no_logs,
                    "Do not show what tasks print");
  command->callback([flags, slots, &context] {
    flags->slots_given = slots->count() > 0;
    context.action = [flags, &context] { return Run(*flags, context); };
  });
}

}  // namespace w2t::cli
