// Whether each task of a run is where it belongs.
#include <algorithm>
#include <map>

#include "fmt/format.h"
#include "tests/support/engine_referee.h"

namespace w2t::testing {

void EngineReferee::CheckRun(uint64_t number, RunBook& book, const Run& run) {
  CheckSet(book, run);
  if (book.blueprint->size() != run.blueprint().size()) return;
  for (Task& task : book.tasks) task.ended_well = false;
  for (TaskIndex i = 0; i < book.tasks.size(); ++i) {
    CheckTask(number, book, run, i);
  }
  std::vector<uint32_t> counts(kTaskStates);
  for (TaskIndex i = 0; i < book.tasks.size(); ++i) {
    ++counts[static_cast<int>(run.task(i).state)];
    CheckUnheld(book, run, i);
  }
  for (int state = 0; state < kTaskStates; ++state) {
    if (counts[state] != run.count(static_cast<TaskState>(state))) {
      Fault(fmt::format("run {} counts {} tasks as {}, there are {}", number,
                        run.count(static_cast<TaskState>(state)),
                        Name(static_cast<TaskState>(state)), counts[state]));
    }
  }
  CheckWatch(number, book, run);
}

void EngineReferee::CheckTask(uint64_t number, RunBook& book, const Run& run,
                              TaskIndex index) {
  Task& task = book.tasks[index];
  const TaskRecord& record = run.task(index);
  const LeaseRef lease{{number}, index, record.attempt, record.fence};
  if (record.attempt != task.attempt) Fault("the attempt differs", lease);
  if (task.lease.has_value() != IsHeld(record.state)) {
    return Fault(fmt::format("a task is {} but {}", Name(record.state),
                             task.lease ? "leased" : "not leased"),
                 lease);
  }
  if (task.lease && (task.lease != lease || task.worker != record.worker ||
                     task.reported != record.state)) {
    Fault(fmt::format("a task is {} but was reported as {}", Name(record.state),
                      Name(task.reported)),
          lease);
  }
  // A task that had ended, and runs again with what it follows.
  if (book.restarts) {
    task.started = task.started && record.has_started;
    task.up = task.up && record.has_been_up;
  }
  if (IsOutcome(task.outcome) && record.state != task.outcome) {
    if (!MayReplace(book, run, task.outcome, record.state)) {
      Fault("an outcome has changed", lease);
    }
    task.outcome = TaskState::kUnspecified;
  }
  if (!IsOutcome(task.outcome) && IsOutcome(record.state)) {
    task.outcome = record.state;
    CheckOutcome(book, run, index);
  }
}

// Whether an outcome follows from what was reported.
void EngineReferee::CheckOutcome(const RunBook& book, const Run& run,
                                 TaskIndex index) {
  const Task& task = book.tasks[index];
  const bool service = book.blueprint->kind(index) == TaskKind::kService;
  const bool stopping = run.state() >= RunState::kStopping;
  bool follows = false;
  switch (task.outcome) {
    case TaskState::kSucceeded:
      follows = service ? stopping : task.last == TaskState::kSucceeded;
      break;
    case TaskState::kFailed:
      follows = task.last == TaskState::kFailed ||
                (service && task.last == TaskState::kSucceeded);
      break;
    case TaskState::kTimedOut:
      follows = task.last == TaskState::kTimedOut;
      break;
    case TaskState::kLost:  // also when its worker stopped it by itself
      follows =
          (task.last == TaskState::kLost ||
           task.last == TaskState::kCancelled) &&
          (book.blueprint->at_most_once(index) ||
           book.blueprint->retry(index).attempts != RetryPolicy::kUnlimited);
      break;
    case TaskState::kCancelled:
      follows = stopping || book.blueprint->removed(index);
      break;
    case TaskState::kSkipped:
      follows = true;  // CheckUnheld
      break;
    default:
      break;
  }
  if (!follows) {
    Fault(fmt::format("task {} of run {} is {}, its last attempt was {}", index,
                      run.spec().run_id, Name(task.outcome), Name(task.last)));
  }
}

std::pair<uint32_t, uint32_t> EngineReferee::Edges(const RunBook& book,
                                                   TaskIndex index) const {
  uint32_t hold = 0;
  uint32_t never = 0;
  std::map<uint32_t, std::pair<uint32_t, uint32_t>> quorums;
  for (const Blueprint::Edge& edge : book.blueprint->predecessors(index)) {
    const Task& from = book.tasks[edge.task];
    const bool holds = Holds(book, edge);
    auto& [in_hold, in_never] = quorums[edge.quorum];
    if (holds) {
      ++(edge.quorum == 0 ? hold : in_hold);
    } else if (IsOutcome(from.outcome)) {
      ++(edge.quorum == 0 ? never : in_never);
    }
  }
  for (const auto& [number, counts] : quorums) {
    if (number == 0) continue;
    const auto& [need, size] = book.blueprint->quorums()[number - 1];
    if (counts.first >= need) {
      ++hold;
    } else if (size - counts.second < need) {
      ++never;
    }
  }
  return {hold, never};
}

// Whether a task that nobody holds is where its dependencies put it.
void EngineReferee::CheckUnheld(const RunBook& book, const Run& run,
                                TaskIndex index) {
  const TaskState state = run.task(index).state;
  const bool open = state == TaskState::kWaiting || state == TaskState::kReady;
  if (!open && state != TaskState::kSkipped) return;
  if (book.blueprint->is_undo(index)) {
    return CheckUndo(book, run, index);
  }
  if (book.set.contains(index)) {
    if (state == TaskState::kWaiting) return;
    Fault(fmt::format("task {} is restarted and {}", index, Name(state)));
  }
  const auto [hold, never] = Edges(book, index);
  const uint32_t all = book.blueprint->countable(index);
  const uint32_t need = book.blueprint->need(index);
  TaskState right = TaskState::kWaiting;
  if (hold >= need) {
    right = TaskState::kReady;
  } else if (all - never < need) {
    right = TaskState::kSkipped;
  }
  if (open && run.state() >= RunState::kStopping) {
    Fault(fmt::format("task {} is {} in a run that stops", index, Name(state)));
  } else if (state != right && run.state() < RunState::kStopping) {
    Fault(
        fmt::format("task {} is {} and should be {}: {} of {} dependencies "
                    "hold, {} never can, {} are needed",
                    index, Name(state), Name(right), hold, all, never, need));
  }
}

void EngineReferee::CheckWatch(uint64_t number, RunBook& book, const Run& run) {
  const std::string id = fmt::format("run {}", number);
  if (run.last_seq() < book.seen_seq) Fault(id + ": the watch went backwards");
  book.changed = run.last_seq() != book.seen_seq;
  if (run.first_seq() > book.seen_seq + 1 ||
      run.revised_seq() > book.seen_seq) {
    book.seen_seq = run.last_seq();  // too far behind: starts with a snapshot
    for (TaskIndex i = 0; i < book.tasks.size(); ++i) {
      book.tasks[i].seen = run.task(i).state;
    }
    return;
  }
  for (uint64_t seq = book.seen_seq + 1; seq <= run.last_seq(); ++seq) {
    const RunEvent& event = run.events()[seq - run.first_seq()];
    if (event.task == kNoTask) continue;
    Task& task = book.tasks[event.task];
    const bool again =
        event.state == TaskState::kWaiting || event.state == TaskState::kReady;
    if (IsOutcome(task.seen) && !(again && book.restarts)) {
      Fault(fmt::format("{}: task {} is {} after it was {}", id, event.task,
                        Name(event.state), Name(task.seen)));
    }
    task.seen = event.state;
  }
  book.seen_seq = run.last_seq();
  for (TaskIndex i = 0; i < book.tasks.size(); ++i) {
    if (book.tasks[i].seen == run.task(i).state) continue;
    Fault(fmt::format("{}: a watcher takes task {} for {}, it is {}", id, i,
                      Name(book.tasks[i].seen), Name(run.task(i).state)));
  }
}

}  // namespace w2t::testing
