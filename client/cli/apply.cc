#include "client/cli/apply.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <condition_variable>
#include <mutex>
#include <utility>

#include "client/cli/exit_code.h"
#include "client/cli/json.h"
#include "client/graphfile/scalars.h"

namespace w2t::cli {

namespace {

// Until another change of the same run is through.
constexpr absl::Duration kBusyGap = absl::Milliseconds(200);

// Revises `run`, waiting while another change of it goes on. `told`: that this
// is so has been said.
absl::StatusOr<v1::ReviseRunResponse> Revise(const Scene& scene,
                                             const std::string& run_id,
                                             const v1::Graph& graph,
                                             const ReviseOptions& options,
                                             bool* told) {
  while (true) {
    absl::StatusOr<v1::ReviseRunResponse> revised =
        scene.client.ReviseRun(run_id, graph, options);
    if (!absl::IsAborted(revised.status())) return revised;
    if (!std::exchange(*told, true)) {
      scene.context.notices->Say(fmt::format(
          "another change of {} is going on; waiting for it", run_id));
    }
    if (!Pause(scene.interrupts, kBusyGap)) {
      return absl::CancelledError(
          fmt::format("interrupted; {} was not changed", run_id));
    }
  }
}

Changes ChangesOf(const v1::ReviseRunResponse& response) {
  return {response.changes().begin(), response.changes().end()};
}

FollowOptions Following(const std::string& run_id) {
  FollowOptions options{.run_id = run_id};
  options.until_up = true;
  return options;
}

// Whether a task of `batch` is among what has failed.
const v1::TaskStatus* FailureIn(const v1::Run& run,
                                const std::vector<std::string>& batch) {
  for (const v1::TaskStatus& failure : run.failures()) {
    if (std::find(batch.begin(), batch.end(), failure.name()) != batch.end()) {
      return &failure;
    }
  }
  return nullptr;
}

// Carries out a plan, batch by batch.
absl::StatusOr<int> CarryOut(
    const Scene& scene, const ChangeFlags& flags, const v1::Run& run,
    const v1::Graph& graph,
    const std::vector<std::vector<std::string>>& batches, bool* told) {
  for (size_t i = 0; i < batches.size(); ++i) {
    const auto revised =
        Revise(scene, run.run_id(), graph, {.only = batches[i]}, told);
    if (!revised.ok()) return revised.status();
    if (batches.size() > 1) {
      scene.context.notices->Say(
          fmt::format("rollout: {} of {}: {}", i + 1, batches.size(),
                      ChangesSummary(ChangesOf(*revised))));
    }
    const bool last = i + 1 == batches.size();
    if (last) break;
    if (const int ended = FollowUntilUp(scene, flags, Following(run.run_id()));
        ended == kInterrupted || ended == kUnreachable) {
      return ended;
    }
    const auto now = scene.client.GetRun(run.run_id());
    if (!now.ok()) return now.status();
    if (const v1::TaskStatus* failure = FailureIn(*now, batches[i])) {
      return scene.context.Fail(
          kFailed,
          fmt::format("the rollout ends after {} of {} batches, since {} "
                      "failed; what is left runs as before",
                      i + 1, batches.size(), failure->name()));
    }
  }
  if (flags.detach) return kSucceeded;
  return FollowUntilUp(scene, flags, Following(run.run_id()));
}

}  // namespace

void AddChangeFlags(CLI::App& command, ChangeFlags& flags) {
  command.add_flag("--dry-run", flags.dry_run,
                   "Only say what would happen, and do nothing");
  command.add_flag("--detach,-d", flags.detach,
                   "Do not wait until everything is ready");
  command
      .add_option_function<std::string>(
          "--timeout",
          [&flags](const std::string& text) {
            const auto timeout = graphfile::ParseDuration(text);
            if (!timeout.has_value()) {
              throw CLI::ValidationError(fmt::format(
                  "--timeout: \"{}\" is no duration such as 30s or 5m", text));
            }
            flags.timeout = *timeout;
          },
          "End with 1 when not everything is ready by then; it goes on all the "
          "same")
      ->type_name("DURATION");
  command.add_flag("--quiet,-q", flags.quiet,
                   "Only the plan, and the summary at the end");
  command.add_flag("--no-logs", flags.no_logs, "Do not show what tasks print");
}

bool Pause(const Interrupts& interrupts, absl::Duration length) {
  std::mutex mutex;
  std::condition_variable_any stopped;
  std::unique_lock<std::mutex> lock(mutex);
  stopped.wait_for(lock, interrupts.token(), absl::ToChronoNanoseconds(length),
                   [] { return false; });
  return !interrupts.happened();
}

void ShowPlan(const Scene& scene, std::string_view head, const Changes& changes,
              const google::protobuf::Message& response) {
  const Context& context = scene.context;
  if (context.json()) {
    context.out << ToJson(response) << "\n";
  } else {
    context.out << head << "\n" << ChangesText(changes, context.palette());
  }
  context.out.flush();
}

int FollowUntilUp(const Scene& scene, const ChangeFlags& flags,
                  FollowOptions options) {
  const std::string run_id = options.run_id;
  options.until_up = true;
  options.timeout = flags.timeout;
  options.display.quiet = flags.quiet;
  options.display.logs = !flags.no_logs && !flags.quiet;
  Follower follower(scene.context, scene.client, scene.interrupts,
                    std::move(options));
  const FollowResult result = follower.Follow();
  if (result.interrupted) {
    TellHowToComeBack(run_id, scene.context);
    return kInterrupted;
  }
  if (result.lost_output) return LeaveUnread(run_id, scene.context);
  if (!result.run.has_value()) {
    const int exit_code = scene.context.Fail(result.status);
    if (IsUnreachable(result.status)) TellHowToComeBack(run_id, scene.context);
    return exit_code;
  }
  const v1::Run& run = *result.run;
  if (IsEnded(run.state())) return ExitCodeOf(run);
  return run.failures().empty() ? kSucceeded : kFailed;
}

absl::StatusOr<int> Apply(const Scene& scene, const ChangeFlags& flags,
                          const v1::Run& run,
                          const graphfile::LoadResult& loaded,
                          const std::vector<std::string>& only) {
  const std::string& run_id = run.run_id();
  bool told = false;
  const auto planned = Revise(scene, run_id, loaded.graph,
                              {.dry_run = true, .only = only}, &told);
  if (!planned.ok()) return planned.status();
  const Changes changes = ChangesOf(*planned);
  auto batches = Batches(changes, loaded.rollouts);
  if (batches.size() == 1) batches[0] = only;
  std::string head =
      changes.empty()
          ? fmt::format("{} is up, and nothing changes", run_id)
          : fmt::format("{}: {} (revision {})", run_id, ChangesSummary(changes),
                        planned->revision());
  if (batches.size() > 1) {
    head += fmt::format(", in {} batches", batches.size());
  }
  ShowPlan(scene, head, changes, *planned);
  if (flags.dry_run) return kSucceeded;
  if (!changes.empty()) {
    return CarryOut(scene, flags, run, loaded.graph, batches, &told);
  }
  if (flags.detach) return kSucceeded;
  return FollowUntilUp(scene, flags, Following(run_id));
}

}  // namespace w2t::cli
