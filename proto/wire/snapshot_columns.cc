#include "proto/wire/snapshot_columns.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

namespace w2t::wire {
namespace {

enum Flag : uint8_t {
  kHasStarted = 1,
  kHasBeenUp = 2,
  kStopRequested = 4,
  kRestarting = 8,
  kAhead = 16
};

uint8_t FlagsOf(const TaskRecord& record) {
  return static_cast<uint8_t>((record.has_started ? kHasStarted : 0) |
                              (record.has_been_up ? kHasBeenUp : 0) |
                              (record.stop_requested ? kStopRequested : 0) |
                              (record.restarting ? kRestarting : 0) |
                              (record.ahead ? kAhead : 0));
}

// A column of `values`, each as `of` says; nothing when all are 0.
template <typename Values, typename Column, typename Of>
void PutColumn(const Values& values, Column* column, Of of) {
  column->Reserve(static_cast<int>(values.size()));
  bool any = false;
  for (const auto& value : values) {
    const auto number = of(value);
    any = any || number != 0;
    column->AddAlreadyReserved(number);
  }
  if (!any) column->Clear();
}

template <typename Values, typename Of>
void PutBytes(const Values& values, std::string* column, Of of) {
  column->reserve(values.size());
  bool any = false;
  for (const auto& value : values) {
    column->push_back(static_cast<char>(of(value)));
    any = any || column->back() != 0;
  }
  if (!any) column->clear();
}

// Calls `take` with each value of a column and the number in it. False when the
// column is of another length.
template <typename Values, typename Column, typename Take>
bool GetColumn(const Column& column, Values* values, Take take) {
  if (column.empty()) return true;
  if (static_cast<size_t>(column.size()) != values->size()) return false;
  auto number = column.begin();
  for (auto& value : *values) take(value, *number++);
  return true;
}

// Moments after `base`; 0 stays 0.
int64_t After(int64_t base, int64_t us) {
  if (us == 0) return 0;
  return us >= base ? us - base + 1 : us - base;
}

int64_t Moment(int64_t base, int64_t after) {
  if (after == 0) return 0;
  return after > 0 ? base + after - 1 : base + after;
}

}  // namespace

void EncodeTasks(const RunData& data, journal::v1::TaskColumns* out) {
  const auto& tasks = data.tasks;
  const int64_t base = data.create_us;
  using Task = const TaskRecord&;
  out->mutable_state()->reserve(tasks.size());
  for (Task task : tasks) {
    out->mutable_state()->push_back(static_cast<char>(task.state));
  }
  PutBytes(tasks, out->mutable_flags(), FlagsOf);
  PutBytes(tasks, out->mutable_lost_attempts(),
           [](Task t) { return t.lost_attempts; });
  PutColumn(tasks, out->mutable_satisfied(),
            [](Task t) { return t.satisfied; });
  PutColumn(tasks, out->mutable_impossible(),
            [](Task t) { return t.impossible; });
  PutColumn(tasks, out->mutable_attempt(), [](Task t) { return t.attempt; });
  PutColumn(tasks, out->mutable_worker(),
            [](Task t) { return t.worker.value; });
  PutColumn(tasks, out->mutable_exit_code(),
            [](Task t) { return t.exit_code; });
  uint64_t last = 0;
  PutColumn(tasks, out->mutable_fence(), [&last](Task t) {
    return static_cast<int64_t>(t.fence.value -
                                std::exchange(last, t.fence.value));
  });
  PutColumn(tasks, out->mutable_start(),
            [base](Task t) { return After(base, t.start_us); });
  PutColumn(tasks, out->mutable_end(),
            [base](Task t) { return After(base, t.end_us); });
  PutColumn(tasks, out->mutable_excused(), [](Task t) { return t.excused; });
  PutColumn(tasks, out->mutable_up(),
            [base](Task t) { return After(base, t.up_us); });
}

bool DecodeTasks(const journal::v1::TaskColumns& in, RunData* out) {
  auto* const tasks = &out->tasks;
  tasks->resize(in.state().size());
  const int64_t base = out->create_us;
  uint64_t last = 0;
  return GetColumn(in.state(), tasks,
                   [](TaskRecord& t, char state) {
                     t.state = static_cast<TaskState>(state);
                   }) &&
         GetColumn(in.flags(), tasks,
                   [](TaskRecord& t, char flags) {
                     t.has_started = (flags & kHasStarted) != 0;
                     t.has_been_up = (flags & kHasBeenUp) != 0;
                     t.stop_requested = (flags & kStopRequested) != 0;
                     t.restarting = (flags & kRestarting) != 0;
                     t.ahead = (flags & kAhead) != 0;
                   }) &&
         GetColumn(in.lost_attempts(), tasks,
                   [](TaskRecord& t, char lost) {
                     t.lost_attempts = static_cast<uint8_t>(lost);
                   }) &&
         GetColumn(in.satisfied(), tasks,
                   [](TaskRecord& t, uint32_t n) { t.satisfied = n; }) &&
         GetColumn(in.impossible(), tasks,
                   [](TaskRecord& t, uint32_t n) { t.impossible = n; }) &&
         GetColumn(in.attempt(), tasks,
                   [](TaskRecord& t, uint32_t n) { t.attempt = n; }) &&
         GetColumn(in.worker(), tasks,
                   [](TaskRecord& t, uint32_t n) { t.worker = {n}; }) &&
         GetColumn(in.exit_code(), tasks,
                   [](TaskRecord& t, int32_t n) { t.exit_code = n; }) &&
         GetColumn(in.fence(), tasks,
                   [&last](TaskRecord& t, int64_t more) {
                     last += static_cast<uint64_t>(more);
                     t.fence = {last};
                   }) &&
         GetColumn(in.start(), tasks,
                   [base](TaskRecord& t, int64_t after) {
                     t.start_us = Moment(base, after);
                   }) &&
         GetColumn(in.end(), tasks,
                   [base](TaskRecord& t, int64_t after) {
                     t.end_us = Moment(base, after);
                   }) &&
         GetColumn(in.excused(), tasks,
                   [](TaskRecord& t, uint32_t n) { t.excused = n; }) &&
         GetColumn(in.up(), tasks, [base](TaskRecord& t, int64_t after) {
           t.up_us = Moment(base, after);
         });
}

void EncodeEvents(const RunData& data, journal::v1::EventColumns* out) {
  const auto& events = data.events;
  using Event = const RunEvent&;
  out->mutable_state()->reserve(events.size());
  for (Event event : events) {
    out->mutable_state()->push_back(static_cast<char>(event.state));
  }
  int64_t last = data.create_us;
  PutColumn(events, out->mutable_time(), [&last](Event e) {
    return e.time_us - std::exchange(last, e.time_us);
  });
  PutColumn(events, out->mutable_task(), [](Event e) { return e.task + 1; });
  PutColumn(events, out->mutable_attempt(), [](Event e) { return e.attempt; });
  PutColumn(events, out->mutable_worker(),
            [](Event e) { return e.worker.value; });
  PutColumn(events, out->mutable_exit_code(),
            [](Event e) { return e.exit_code; });
}

bool DecodeEvents(const journal::v1::EventColumns& in, RunData* out) {
  auto* const events = &out->events;
  events->resize(in.state().size());
  if (in.time().empty()) {
    for (RunEvent& event : *events) event.time_us = out->create_us;
  }
  int64_t last = out->create_us;
  return GetColumn(in.time(), events,
                   [&last](RunEvent& e, int64_t more) {
                     last += more;
                     e.time_us = last;
                   }) &&
         GetColumn(in.task(), events,
                   [](RunEvent& e, uint32_t n) { e.task = n - 1; }) &&
         GetColumn(in.attempt(), events,
                   [](RunEvent& e, uint32_t n) { e.attempt = n; }) &&
         GetColumn(in.worker(), events,
                   [](RunEvent& e, uint32_t n) { e.worker = {n}; }) &&
         GetColumn(in.exit_code(), events,
                   [](RunEvent& e, int32_t n) { e.exit_code = n; }) &&
         GetColumn(in.state(), events, [](RunEvent& e, char state) {
           e.state = static_cast<TaskState>(state);
         });
}

}  // namespace w2t::wire
