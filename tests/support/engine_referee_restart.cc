// Tasks that start again: which ones, when, and under which graph.
#include <algorithm>
#include <utility>
#include <variant>
#include <vector>

#include "fmt/format.h"
#include "tests/support/engine_referee.h"

namespace w2t::testing {

bool EngineReferee::IsSpent(const RunBook& book, TaskIndex index) const {
  const Task& task = book.tasks[index];
  const bool ended =
      IsOutcome(task.outcome) && task.outcome != TaskState::kSkipped;
  return book.blueprint->at_most_once(index) && task.attempt > 0 &&
         (task.lease || !task.not_started || ended);
}

void EngineReferee::Reset(Task& task) {
  task.started = task.up = task.ended_well = false;
  task.outcome = TaskState::kUnspecified;
}

void EngineReferee::Join(RunBook& book, const std::vector<TaskIndex>& roots,
                         bool anew) {
  ++book.joined;
  book.restarts = true;
  std::vector<TaskIndex> todo = roots;
  std::set<TaskIndex> seen(roots.begin(), roots.end());
  while (!todo.empty()) {
    const TaskIndex at = todo.back();
    todo.pop_back();
    for (const Blueprint::Edge& edge : book.blueprint->successors(at)) {
      if (!edge.restart || IsSpent(book, edge.task)) continue;
      if (seen.insert(edge.task).second) todo.push_back(edge.task);
    }
  }
  for (const TaskIndex index : seen) {
    book.set.insert(index);
    if (book.tasks[index].lease) continue;
    book.tasks[index].outcome = TaskState::kUnspecified;
    if (anew) Reset(book.tasks[index]);
  }
  LeaveSet(book);
}

// Once nothing of the set is held it starts over, under the next graph if there
// is one.
void EngineReferee::LeaveSet(RunBook& book) {
  for (const TaskIndex index : book.set) {
    if (book.tasks[index].lease) return;
  }
  book.set.clear();
  if (book.next == nullptr) return;
  book.blueprint = std::exchange(book.next, nullptr);
  book.tasks.resize(book.blueprint->size());
  ++book.revision;
}

void EngineReferee::FoldRestarted(RunBook& book,
                                  const std::vector<TaskIndex>& tasks) {
  for (const TaskIndex task : tasks) {
    // One of the set is about to be removed.
    if (IsSpent(book, task) && !book.set.contains(task)) {
      return Fault("a restart of a task that is to run at most once");
    }
  }
  Join(book, tasks, true);
}

void EngineReferee::FoldRevised(const RunRevised& fact) {
  RunBook& book = runs_[fact.run.value];
  if (book.next != nullptr) return Fault("two revisions at once");
  if (fact.revision != book.revision + 1) Fault("revisions must count up");
  std::vector<TaskIndex> roots;
  for (const TaskIndex task : fact.changed) {
    if (!IsSpent(book, task)) roots.push_back(task);
  }
  for (TaskIndex task = 0; task < book.blueprint->size(); ++task) {
    const bool removed = fact.blueprint->removed(task);
    if (removed == book.blueprint->removed(task)) continue;
    const bool ran =
        fact.blueprint->at_most_once(task) && book.tasks[task].attempt > 0;
    if (removed || !ran) roots.push_back(task);
  }
  book.recalled.insert(book.ahead.begin(), book.ahead.end());
  book.next = fact.blueprint;
  Join(book, roots, true);
}

void EngineReferee::FoldCrash(RunBook& book, const LeaseRef& lease) {
  const auto& successors = book.blueprint->successors(lease.task);
  const bool followed = std::any_of(successors.begin(), successors.end(),
                                    [](const auto& e) { return e.restart; });
  const Run* run = engine_->FindRun(lease.run);
  if (!followed || run == nullptr) return;
  // Whether it is tried again is the engine's to say.
  const TaskRecord& record = run->task(lease.task);
  const bool again = record.attempt > lease.attempt ||
                     !IsOutcome(record.state) ||
                     record.state == TaskState::kSkipped ||
                     record.state == TaskState::kCancelled;
  if (again) Join(book, {lease.task}, false);
}

bool EngineReferee::MayReplace(const RunBook& book, const Run& run,
                               TaskState was, TaskState is) {
  // What was skipped waits again when its dependencies do; CheckUnheld sees to
  // it that they do.
  if (was == TaskState::kSkipped) return true;
  // A restart and the end of the run in one step.
  return book.restarts && run.state() >= RunState::kStopping &&
         (is == TaskState::kSkipped || is == TaskState::kCancelled);
}

void EngineReferee::CheckSet(RunBook& book, const Run& run) {
  const bool stopping = run.state() >= RunState::kStopping;
  if (stopping) {
    book.set.clear();  // all is stopped now, and in the order of all
    book.next = nullptr;
    if (run.revision() + 1 == book.revision) {  // the end came just before it
      book.revision = run.revision();
      book.blueprint = run.spec().blueprint;
      book.tasks.resize(book.blueprint->size());
    }
  }
  const std::string id = run.spec().run_id;
  if (run.revision() != book.revision) {
    Fault(fmt::format("{} has revision {} and should have {}", id,
                      run.revision(), book.revision));
  }
  if (run.blueprint().size() != book.blueprint->size()) {
    Fault(fmt::format("{} has {} tasks and should have {}", id,
                      run.blueprint().size(), book.blueprint->size()));
    return;
  }
  bool failed_fast = false;
  bool held = false;
  for (TaskIndex task = 0; task < book.tasks.size(); ++task) {
    const TaskRecord& record = run.task(task);
    if (record.restarting != book.set.contains(task)) {
      Fault(fmt::format("task {} of {} is {}being restarted", task, id,
                        record.restarting ? "" : "not "));
    }
    const bool fails_run = book.blueprint->fail_run(task) ||
                           book.blueprint->on_failure() != OnFailure::kContinue;
    if (IsFailure(record.state) && fails_run) failed_fast = true;
    held = held || IsHeld(record.state);
  }
  const bool leaves_up = book.keep && !book.cancelled && !failed_fast;
  if (leaves_up && stopping && held) {
    Fault(fmt::format("{} is stopped though it is to be kept up", id));
  }
}

}  // namespace w2t::testing
