#include "tests/support/trace.h"

#include <set>
#include <stdexcept>

#include "fmt/format.h"

namespace w2t::test {
namespace {

bool IsOutcome(v1::TaskState state) {
  return state >= v1::TASK_STATE_SUCCEEDED;
}

// Of an attempt that ends at once only that is told.
bool HasStarted(v1::TaskState state) {
  return state == v1::TASK_STATE_RUNNING || state == v1::TASK_STATE_UP ||
         state == v1::TASK_STATE_BACKOFF ||
         (IsOutcome(state) && state != v1::TASK_STATE_CANCELLED &&
          state != v1::TASK_STATE_SKIPPED);
}

}  // namespace

Trace::Trace(RpcClient& client, const std::string& address,
             const std::string& run_id) {
  std::vector<std::string> names;
  for (const auto& task : client.ListTasks(run_id)) {
    names.push_back(task.name());
  }
  // Event 1 is the first; to go on after it is to be given events instead of a
  // snapshot.
  Watch watch(address, run_id, 1, names);
  const grpc::Status status = watch.Finish();
  if (!status.ok() || !watch.ended().has_value() || !watch.gapless()) {
    throw std::runtime_error(fmt::format("no complete trace of {}: {}", run_id,
                                         std::string(status.error_message())));
  }
  events_ = watch.events();
}

uint64_t Trace::FirstSeq(std::string_view task, v1::TaskState state) const {
  for (const auto& event : events_) {
    if (event.task == task && event.state == state) return event.seq;
  }
  return 0;
}

int64_t Trace::FirstTimeUs(std::string_view task, v1::TaskState state) const {
  for (const auto& event : events_) {
    if (event.task == task && event.state == state) return event.time_us;
  }
  return 0;
}

uint64_t Trace::Started(std::string_view task) const {
  for (const auto& event : events_) {
    if (event.task == task && HasStarted(event.state)) return event.seq;
  }
  return 0;
}

uint64_t Trace::Ended(std::string_view task) const {
  for (const auto& event : events_) {
    if (event.task == task && IsOutcome(event.state)) return event.seq;
  }
  return 0;
}

int64_t Trace::EndTimeUs(std::string_view task) const {
  for (const auto& event : events_) {
    if (event.task == task && IsOutcome(event.state)) return event.time_us;
  }
  return 0;
}

v1::TaskState Trace::Outcome(std::string_view task) const {
  for (const auto& event : events_) {
    if (event.task == task && IsOutcome(event.state)) return event.state;
  }
  return v1::TASK_STATE_UNSPECIFIED;
}

int Trace::Attempts(std::string_view task) const {
  std::set<uint32_t> started;
  for (const auto& event : events_) {
    if (event.task == task && HasStarted(event.state)) {
      started.insert(event.attempt);
    }
  }
  return static_cast<int>(started.size());
}

bool Trace::Before(std::string_view first, std::string_view then) const {
  return Ended(first) != 0 && Started(then) != 0 &&
         Ended(first) < Started(then);
}

bool Trace::InOrder(std::initializer_list<std::string_view> tasks) const {
  std::string_view last;
  for (const std::string_view task : tasks) {
    if (!last.empty() && !Before(last, task)) return false;
    last = task;
  }
  return true;
}

std::string Trace::ToString() const {
  std::string text;
  for (const auto& event : events_) {
    text += fmt::format("{} {} {} attempt {}\n", event.seq, event.task,
                        v1::TaskState_Name(event.state), event.attempt);
  }
  return text;
}

}  // namespace w2t::test
