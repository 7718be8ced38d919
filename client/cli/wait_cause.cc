#include "client/cli/wait_cause.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "client/cli/why.h"

namespace w2t::cli {

namespace {

// With no change for this long, it is time to ask why; and to ask again, after
// a gap that doubles.
constexpr absl::Duration kStuckAfter = absl::Seconds(2);
constexpr absl::Duration kLookAgain = absl::Seconds(5);
// When live, and while things are stopped.
constexpr absl::Duration kLookOften = absl::Milliseconds(500);
constexpr size_t kMostLookedAt = 1'000;

}  // namespace

WaitCause::WaitCause(Client& client, std::string run_id, bool live)
    : client_(client),
      run_id_(std::move(run_id)),
      live_(live),
      last_change_(absl::Now()),
      gap_(kLookAgain) {}

std::optional<std::string> WaitCause::Look(const RunView& view, bool away,
                                           absl::Time now) {
  const bool stopping = view.state() == v1::RUN_STATE_STOPPING;
  const bool waits = view.complete() && !away &&
                     view.state() != v1::RUN_STATE_UP &&
                     (stopping || now - last_change_ >= kStuckAfter);
  if (!waits) {
    last_look_ = absl::InfinitePast();
    gap_ = kLookAgain;
    return "";
  }
  const bool often = stopping || live_;
  if (now - last_look_ < (often ? kLookOften : gap_)) return std::nullopt;
  if (last_look_ != absl::InfinitePast()) gap_ *= 2;
  last_look_ = now;
  std::string hint = Ask(now);
  if (hint.empty()) return std::nullopt;
  return hint;
}

std::string WaitCause::Ask(absl::Time now) {
  std::string cause;
  std::vector<v1::TaskStatus> held;
  client_
      .ForEachTask(
          run_id_,
          {v1::TASK_STATE_READY, v1::TASK_STATE_BACKOFF, v1::TASK_STATE_LEASED,
           v1::TASK_STATE_RUNNING, v1::TASK_STATE_UP},
          [&](const v1::TaskStatus& task) {
            held.push_back(task);
            // What waits on its worker waits for another one of these.
            const bool ahead = task.state() == v1::TASK_STATE_LEASED &&
                               task.wait_kind() == v1::WAIT_KIND_DEPENDENCIES;
            if (cause.empty() && !ahead && !task.waiting_for().empty()) {
              cause = fmt::format("{}: {}", task.name(), Why(task));
            }
            return held.size() < kMostLookedAt;
          })
      .IgnoreError();
  const bool stops =
      std::any_of(held.begin(), held.end(),
                  [](const v1::TaskStatus& task) { return task.stopping(); });
  return stops ? stopping_.Tell(held, now, live_) : cause;
}

}  // namespace w2t::cli
