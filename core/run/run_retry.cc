#include <algorithm>
#include <utility>

#include "core/base/state_hash.h"
#include "core/run/run.h"

namespace w2t {
namespace {

// Of `wait_us`, what is left when a share of at most a quarter is taken off.
// The share follows from the attempt, so that it is no fact, and tasks that
// failed together still part.
int64_t Spread(int64_t wait_us, RunNumber run, TaskIndex task,
               uint32_t attempt) {
  constexpr uint64_t kShares = 1'024;
  StateHash hash;
  hash.Add(run.value);
  hash.Add(task);
  hash.Add(attempt);
  const auto share = static_cast<int64_t>((hash.value() >> 16) % kShares);
  return wait_us - wait_us * share / static_cast<int64_t>(4 * kShares);
}

}  // namespace

bool Run::WantsRetry(TaskIndex task, TaskState outcome) const {
  const RetryPolicy& retry = blueprint().retry(task);
  const TaskRecord& record = data_.tasks[task];
  if (MustWindDown(task) || CountedAttempts(task) >= retry.attempts) {
    return false;
  }
  if (outcome == TaskState::kSucceeded) return retry.on_success;
  if (!IsFailure(outcome)) return false;
  if (retry.exit_codes.empty()) return true;
  return outcome == TaskState::kFailed &&
         std::find(retry.exit_codes.begin(), retry.exit_codes.end(),
                   record.exit_code) != retry.exit_codes.end();
}

bool Run::ForgivesLosses(TaskIndex task) const {
  return limits_.forgives_losses &&
         blueprint().retry(task).attempts == RetryPolicy::kUnlimited;
}

uint32_t Run::CountedAttempts(TaskIndex task) const {
  if (blueprint().retry(task).window > absl::ZeroDuration()) {
    const auto it = data_.recent.find(task);
    return it == data_.recent.end() ? 0
                                    : static_cast<uint32_t>(it->second.size());
  }
  const TaskRecord& record = data_.tasks[task];
  return record.attempt - record.lost_attempts - record.excused;
}

bool Run::WasStable(TaskIndex task) const {
  const absl::Duration stable = blueprint().retry(task).stable_after;
  const TaskRecord& record = data_.tasks[task];
  const int64_t since =
      blueprint().has_probe(task) ? record.up_us : record.start_us;
  return stable > absl::ZeroDuration() && since != 0 &&
         now_us_ - since >= absl::ToInt64Microseconds(stable);
}

void Run::CountAttempt(TaskIndex task) {
  if (WasStable(task)) ForgetAttempts(task, data_.tasks[task].attempt - 1);
  const absl::Duration window = blueprint().retry(task).window;
  if (window <= absl::ZeroDuration()) return;
  std::vector<int64_t>& ends = data_.recent[task];
  const int64_t from = now_us_ - absl::ToInt64Microseconds(window);
  std::erase_if(ends, [from](int64_t end_us) { return end_us <= from; });
  ends.push_back(now_us_);
}

void Run::ForgetAttempts(TaskIndex task, uint32_t through) {
  data_.tasks[task].excused = through;
  data_.tasks[task].lost_attempts = 0;
  data_.recent.erase(task);
}

int64_t Run::BackoffUs(TaskIndex task) const {
  const RetryPolicy& retry = blueprint().retry(task);
  const absl::Duration most =
      std::max(retry.initial_backoff, retry.max_backoff);
  absl::Duration wait = retry.initial_backoff;
  if (wait == absl::ZeroDuration()) return 0;
  for (uint32_t n = CountedAttempts(task); n > 1 && wait < most; --n) {
    wait *= 2;
  }
  return Spread(absl::ToInt64Microseconds(std::min(wait, most)), spec_.number,
                task, data_.tasks[task].attempt);
}

void Run::Requeue(TaskIndex task) {
  MoveOn(task, TaskState::kWaiting);
  unsettled_.push_back(task);
}

}  // namespace w2t
