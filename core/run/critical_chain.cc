#include "core/run/critical_chain.h"

#include <algorithm>
#include <map>

namespace w2t {
namespace {

class Tracer {
 public:
  explicit Tracer(const Run& run)
      : run_(run), up_us_(run.blueprint().size(), 0) {
    for (const RunEvent& event : run.events()) {
      if (event.state == TaskState::kUp) up_us_[event.task] = event.time_us;
    }
  }

  std::vector<ChainLink> Trace() const {
    std::vector<ChainLink> links;
    ChainLink link = {.task = Last()};
    if (link.task == kNoTask) return links;
    link.done_us = DoneUs(link.task);
    while (link.task != kNoTask) {
      link.start_us = StartUs(link.task);
      ChainLink before = ReleaserOf(link.task);
      link.released_us =
          before.task == kNoTask ? run_.create_us() : before.done_us;
      links.push_back(link);
      link = before;
    }
    std::reverse(links.begin(), links.end());
    return links;
  }

 private:
  // A skipped task starts and ends at once.
  int64_t StartUs(TaskIndex task) const {
    const TaskRecord& record = run_.task(task);
    return record.start_us != 0 ? record.start_us : record.end_us;
  }
  int64_t UpUs(TaskIndex task) const {
    return up_us_[task] != 0 ? up_us_[task] : run_.task(task).start_us;
  }
  // 0: not yet.
  int64_t DoneUs(TaskIndex task) const {
    const TaskRecord& record = run_.task(task);
    if (run_.blueprint().kind(task) == TaskKind::kService) {
      return record.state == TaskState::kRunning ? 0 : UpUs(task);
    }
    return IsOutcome(record.state) ? record.end_us : 0;
  }

  // What goes on counts as later than all that is done.
  TaskIndex Last() const {
    TaskIndex last = kNoTask;
    int64_t last_us = 0;
    for (TaskIndex task = 0; task < run_.blueprint().size(); ++task) {
      if (run_.task(task).start_us == 0) continue;
      const int64_t done_us = DoneUs(task);
      const int64_t us = done_us == 0 ? INT64_MAX : done_us;
      if (us > last_us) {
        last = task;
        last_us = us;
      }
    }
    return last;
  }

  // When the condition of an edge held for the first time. 0: it did not.
  int64_t HeldUs(const Blueprint::Edge& edge) const {
    const TaskRecord& record = run_.task(edge.task);
    switch (edge.condition) {
      case Condition::kStarted:
        return record.start_us;
      case Condition::kReady:
        return record.start_us == 0 ? 0 : UpUs(edge.task);
      case Condition::kSucceeded:
        return record.state == TaskState::kSucceeded ? record.end_us : 0;
      default:
        return IsOutcome(record.state) ? record.end_us : 0;
    }
  }

  ChainLink ReleaserOf(TaskIndex task) const {
    // What skipped it did so by its end.
    const bool skipped = run_.task(task).state == TaskState::kSkipped;
    std::vector<ChainLink> held;
    std::map<uint32_t, std::vector<ChainLink>> quorums;
    for (const Blueprint::Edge& edge : run_.blueprint().predecessors(task)) {
      const int64_t us =
          HeldUs({edge.task, skipped ? Condition::kFinished : edge.condition});
      if (us == 0 || us > StartUs(task)) continue;
      std::vector<ChainLink>& of =
          edge.quorum == 0 || skipped ? held : quorums[edge.quorum];
      of.push_back(
          {.task = edge.task, .done_us = us, .condition = edge.condition});
    }
    for (auto& [quorum, links] : quorums) {
      const uint32_t need = run_.blueprint().quorums()[quorum - 1].need;
      if (links.size() >= need) held.push_back(Nth(links, need));
    }
    const uint32_t need = skipped ? UINT32_MAX : run_.blueprint().need(task);
    if (need == 0 || held.empty()) return {};
    // The one that made it enough.
    return Nth(held, std::min<size_t>(need, held.size()));
  }

  // The one that was done as the `number`th, from 1.
  static ChainLink Nth(std::vector<ChainLink>& links, size_t number) {
    const auto nth = links.begin() + static_cast<long>(number) - 1;
    std::nth_element(links.begin(), nth, links.end(),
                     [](const ChainLink& a, const ChainLink& b) {
                       return a.done_us < b.done_us;
                     });
    return *nth;
  }

  const Run& run_;
  std::vector<int64_t> up_us_;
};

}  // namespace

std::vector<ChainLink> CriticalChain(const Run& run) {
  return Tracer(run).Trace();
}

}  // namespace w2t
