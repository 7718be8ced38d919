#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "absl/time/clock.h"
#include "client/cli/commands.h"
#include "client/cli/context.h"
#include "client/cli/exit_code.h"
#include "client/cli/follow.h"
#include "client/cli/interrupts.h"
#include "client/cli/json.h"
#include "client/cli/live_run.h"
#include "client/cli/proto_time.h"

namespace w2t::cli {

namespace {

struct DownFlags {
  std::string name;
  bool detach = false;
  bool quiet = false;
};

// There is nothing to do, which is no error: what was wanted is so.
int TellEnded(const v1::Run& run, const Context& context) {
  if (context.json()) {
    context.out << RunJson(run) << "\n";
    return kSucceeded;
  }
  context.out << fmt::format(
      "{} is not up: {} {} {} ago\n", run.name(), run.run_id(),
      context.palette().State(run.state(), Word(run.state())),
      ElapsedText(absl::Now() - ToTime(run.end_time())));
  return kSucceeded;
}

int FollowDown(const DownFlags& flags, const v1::Run& run, Client& client,
               const Interrupts& interrupts, const Context& context) {
  FollowOptions options{.run_id = run.run_id()};
  options.display.quiet = flags.quiet;
  Follower follower(context, client, interrupts, std::move(options));
  const FollowResult result = follower.Follow();
  if (result.interrupted) {
    context.err << fmt::format(
        "{} goes on stopping; `w2t down {}` shows it again\n", run.run_id(),
        run.name());
    return kInterrupted;
  }
  if (result.lost_output) return LeaveUnread(run.run_id(), context);
  if (!result.run.has_value()) return context.Fail(result.status);
  if (!context.json()) {
    context.out << fmt::format("{} is down\n", run.name());
  }
  return kSucceeded;
}

int Down(const DownFlags& flags, const Context& context) {
  const Interrupts interrupts;
  const auto client = context.Connect(interrupts.token());
  if (!client.ok()) return context.Fail(client.status());
  const auto found = ResolveRun(**client, flags.name);
  if (!found.ok()) {
    const bool nothing = flags.name.empty() && absl::IsNotFound(found.status());
    if (!nothing) return context.Fail(found.status());
    context.out << (context.json() ? "{}" : "nothing is up") << "\n";
    return kSucceeded;
  }
  if (IsEnded(found->state())) return TellEnded(*found, context);
  const auto run = (*client)->Cancel(found->run_id(), "taken down");
  if (!run.ok()) return context.Fail(run.status());
  if (!flags.detach) {
    return FollowDown(flags, *run, **client, interrupts, context);
  }
  if (context.json()) {
    context.out << RunJson(*run) << "\n";
  } else {
    context.out << fmt::format("{} is stopping; `w2t down {}` shows it\n",
                               run->run_id(), run->name());
  }
  return kSucceeded;
}

}  // namespace

void AddDown(CLI::App& app, Context& context) {
  auto flags = std::make_shared<DownFlags>();
  CLI::App* command = app.add_subcommand(
      "down", "Stop a graph that is up, in reverse order, and show that");
  command
      ->add_option("name", flags->name,
                   "The graph's name, its file, or the run's id; may be left "
                   "out when only one is up")
      ->type_name("NAME");
  command->add_flag("--detach,-d", flags->detach,
                    "Do not wait until it is stopped");
  command->add_flag("--quiet,-q", flags->quiet, "Only the summary at the end");
  command->footer(fmt::format(
      "A service is stopped once everything that depends on it has ended. What "
      "takes long is\nnamed, with what waits for it. A program that does not "
      "end within the grace time of\nits `stop` is killed with all that it has "
      "started. ^C leaves: the daemon goes on\nstopping. A graph that is down "
      "already is no error.\n\n{}",
      kExitCodesHelp));
  command->callback([flags, &context] {
    context.action = [flags, &context] { return Down(*flags, context); };
  });
}

}  // namespace w2t::cli
