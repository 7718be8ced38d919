#include "core/run/run_data.h"

#include <algorithm>
#include <utility>

#include "core/base/state_hash.h"
#include "core/run/run.h"
#include "fmt/format.h"

namespace w2t {
namespace {

RunData NewData(const Blueprint& blueprint, int64_t now_us) {
  RunData data;
  data.create_us = now_us;
  data.tasks.resize(blueprint.size());
  return data;
}

// Everything that one record of a task holds, as words.
void AddTo(StateHash* hash, const TaskRecord& record) {
  hash->Add(static_cast<uint64_t>(record.state) | record.has_started << 8 |
            record.has_been_up << 9 | record.stop_requested << 10 |
            record.restarting << 11 | record.ahead << 12 |
            static_cast<uint64_t>(record.lost_attempts) << 16 |
            static_cast<uint64_t>(record.attempt) << 32);
  hash->Add(static_cast<uint64_t>(record.satisfied) << 32 | record.impossible);
  hash->Add(static_cast<uint64_t>(record.worker.value) << 32 |
            static_cast<uint32_t>(record.exit_code));
  hash->Add(record.fence.value);
  hash->Add(record.excused);
  hash->Add(static_cast<uint64_t>(record.start_us));
  hash->Add(static_cast<uint64_t>(record.up_us));
  hash->Add(static_cast<uint64_t>(record.end_us));
}

void AddTo(StateHash* hash, const RunEvent& event) {
  hash->Add(static_cast<uint64_t>(event.time_us));
  hash->Add(static_cast<uint64_t>(event.task) << 32 | event.attempt);
  hash->Add(static_cast<uint64_t>(event.worker.value) << 32 |
            static_cast<uint32_t>(event.exit_code));
  hash->Add(static_cast<uint64_t>(event.state));
}

}  // namespace

Run::Run(Spec spec, int64_t now_us, const Limits& limits)
    : spec_(std::move(spec)),
      limits_(limits),
      data_(NewData(blueprint(), now_us)) {
  Count();
}

TaskDetails::TaskDetails(const TaskDetails& other) {
  details_.reserve(other.details_.size());
  for (const std::unique_ptr<TaskDetail>& detail : other.details_) {
    details_.push_back(
        detail == nullptr ? nullptr : std::make_unique<TaskDetail>(*detail));
  }
}

Run::Run(Spec spec, RunData data, const Limits& limits)
    : spec_(std::move(spec)), limits_(limits), data_(std::move(data)) {}

absl::StatusOr<std::unique_ptr<Run>> Run::Restore(Spec spec, RunData data,
                                                  const Limits& limits) {
  std::unique_ptr<Run> run(new Run(std::move(spec), std::move(data), limits));
  if (absl::Status status = run->CheckData(); !status.ok()) return status;
  run->Count();
  while (run->data_.events.size() > limits.max_run_events) {
    run->data_.events.pop_front();  // the limit was larger once
  }
  return run;
}

absl::Status Run::CheckData() const {
  const auto misfit = [this](std::string_view what) {
    return absl::InternalError(fmt::format(
        "the data of run {} do not fit it: {}", spec_.run_id, what));
  };
  const uint32_t size = blueprint().size();
  const auto is_known = [size](TaskIndex task) { return task < size; };
  if (data_.tasks.size() != size) return misfit("the number of tasks");
  if (Name(data_.state) == Name(RunState::kUnspecified)) {
    return misfit("its state");
  }
  if (!std::all_of(data_.failures.begin(), data_.failures.end(), is_known)) {
    return misfit("a failure of no task");
  }
  if (data_.events.size() > data_.last_seq) return misfit("too many events");
  for (const RunEvent& event : data_.events) {
    if (event.task != kNoTask && !is_known(event.task)) {
      return misfit("an event of no task");
    }
  }
  for (TaskIndex task = 0; task < size; ++task) {
    const TaskRecord& record = data_.tasks[task];
    if (Name(record.state) == Name(TaskState::kUnspecified) ||
        (record.ahead && record.state != TaskState::kLeased) ||
        uint64_t{record.satisfied} + record.impossible >
            blueprint().countable(task)) {
      return misfit(fmt::format("task {}", task));
    }
  }
  if (!revising()) return absl::OkStatus();
  std::vector<TaskIndex> changed;
  for (TaskIndex task = 0; task < size; ++task) {
    const TaskRecord& record = data_.tasks[task];
    if (record.restarting || IsOutcome(record.state)) changed.push_back(task);
  }
  if (!CheckRevision(spec_.pending, changed).ok()) {
    return misfit("the graph that follows");
  }
  return absl::OkStatus();
}

void Run::Count() {
  counts_.fill(0);
  tasks_open_ = services_open_ = moving_ = lingering_ = ahead_ = 0;
  restarting_.clear();
  for (TaskIndex task = 0; task < data_.tasks.size(); ++task) {
    const TaskState state = data_.tasks[task].state;
    ++counts_[static_cast<int>(state)];
    if (IsMoving(task)) ++moving_;
    if (data_.tasks[task].ahead) ++ahead_;
    if (data_.tasks[task].restarting) {
      restarting_.push_back(task);
      if (Lingers(task)) ++lingering_;
    }
    if (IsOutcome(state)) continue;
    ++(blueprint().kind(task) == TaskKind::kTask ? tasks_open_
                                                 : services_open_);
  }
  if (data_.stopping || lingering_ > 0) open_dependents_ = OpenDependents();
  quorums_.assign(blueprint().quorums().size(), {});
  for (TaskIndex task = 0; !quorums_.empty() && task < blueprint().size();
       ++task) {
    if (!blueprint().has_quorums(task)) continue;
    for (const Blueprint::Edge& edge : blueprint().predecessors(task)) {
      if (edge.quorum == 0) continue;
      const EdgeState state =
          Evaluate(edge.condition, SourceOf(data_.tasks[edge.task]));
      CountInQuorum(edge.quorum, state, 1);
    }
  }
}

// From the end of the order, every task's dependents are dealt with before it.
std::vector<uint32_t> Run::OpenDependents() const {
  std::vector<uint32_t> open(data_.tasks.size());
  for (uint32_t place = blueprint().size(); place-- > 0;) {
    const TaskIndex task = blueprint().in_order(place);
    if (!Lingers(task) && open[task] == 0) continue;
    for (const Blueprint::Edge& edge : blueprint().predecessors(task)) {
      ++open[edge.task];
    }
  }
  return open;
}

RunSummary Run::Summary() const {
  return {.number = spec_.number,
          .run_id = spec_.run_id,
          .request_id = spec_.request_id,
          .name = blueprint().name(),
          .hold = spec_.hold,
          .keep = spec_.keep,
          .state = data_.state,
          .exit_code = data_.exit_code,
          .cancel_reason = data_.cancel_reason,
          .create_us = data_.create_us,
          .end_us = data_.end_us,
          .last_seq = data_.last_seq,
          .revision = data_.revision,
          .counts = counts_,
          .removed = blueprint().removed(),
          .dormant =
              data_.stopping || IsEnded(data_.state) ? 0 : blueprint().undos(),
          .steps = blueprint().steps(),
          .critical_path_us =
              absl::ToInt64Microseconds(blueprint().critical_path())};
}

uint64_t Run::Hash() const {
  StateHash hash;
  hash.Add(spec_.number.value);
  hash.Add(spec_.run_id);
  hash.Add(spec_.request_id);
  hash.Add(static_cast<uint64_t>(data_.state) | data_.stopping << 8 |
           data_.failed << 9 | data_.cancelled << 10 | data_.fail_fast << 11 |
           spec_.hold << 12 | spec_.keep << 13);
  hash.Add(data_.revision);
  hash.Add(data_.revised_seq);
  hash.Add(data_.content);
  if (spec_.pending.blueprint != nullptr) {
    hash.Add(ContentHash(spec_.pending.definition->encoded()));
  }
  hash.Add(data_.last_seq);
  hash.Add(static_cast<uint64_t>(data_.exit_code));
  hash.Add(static_cast<uint64_t>(data_.create_us));
  hash.Add(static_cast<uint64_t>(data_.end_us));
  hash.Add(data_.cancel_reason);
  for (const TaskIndex task : data_.failures) hash.Add(task);
  for (const TaskRecord& record : data_.tasks) AddTo(&hash, record);
  for (TaskIndex task = 0; task < data_.tasks.size(); ++task) {
    if (const TaskDetail* d = detail(task)) {
      hash.Add(task);
      hash.Add(d->message);
      hash.Add(d->signal);
      hash.Add(d->cpu_us);
      hash.Add(d->max_rss_bytes);
      hash.Add(d->output);
    }
  }
  for (const auto& [task, ends] : data_.recent) {
    hash.Add(task);
    for (const int64_t end_us : ends) hash.Add(static_cast<uint64_t>(end_us));
  }
  for (const RestartRequest& request : data_.restarts) {
    hash.Add(request.request_id);
    hash.Add(request.content);
  }
  for (const RunEvent& event : data_.events) AddTo(&hash, event);
  for (const uint32_t open : open_dependents_) hash.Add(open);
  hash.Add(moving_);
  hash.Add(tasks_open_);
  hash.Add(services_open_);
  return hash.value();
}

}  // namespace w2t
