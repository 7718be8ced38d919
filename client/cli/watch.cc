#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "client/cli/commands.h"
#include "client/cli/context.h"
#include "client/cli/exit_code.h"
#include "client/cli/follow.h"
#include "client/cli/interrupts.h"

namespace w2t::cli {

namespace {

struct WatchFlags {
  std::string run_id;
  bool logs = false;
  bool quiet = false;
};

int WatchRun(const WatchFlags& flags, const Context& context) {
  const Interrupts interrupts;
  const auto client = context.Connect(interrupts.token());
  if (!client.ok()) return context.Fail(client.status());
  FollowOptions options{.run_id = flags.run_id};
  options.display.quiet = flags.quiet;
  options.display.logs = flags.logs;
  options.display.when_up =
      "every service is ready; it stays until it is "
      "cancelled";
  Follower follower(context, **client, interrupts, std::move(options));
  const FollowResult result = follower.Follow();
  if (result.interrupted) {
    TellHowToComeBack(flags.run_id, context);
    return kInterrupted;
  }
  if (result.lost_output) return LeaveUnread(flags.run_id, context);
  if (!result.run.has_value()) return context.Fail(result.status);
  return ExitCodeOf(*result.run);
}

}  // namespace

void AddWatch(CLI::App& app, Context& context) {
  auto flags = std::make_shared<WatchFlags>();
  CLI::App* command = app.add_subcommand(
      "watch", "Show a run until it has ended; ends with the run's exit code");
  command->add_option("run", flags->run_id, "Id of the run")
      ->type_name("RUN")
      ->required();
  command->add_flag("--logs", flags->logs, "Show what its tasks print, too");
  command->add_flag("--quiet,-q", flags->quiet, "Only the summary at the end");
  command->callback([flags, &context] {
    context.action = [flags, &context] { return WatchRun(*flags, context); };
  });
}

}  // namespace w2t::cli
