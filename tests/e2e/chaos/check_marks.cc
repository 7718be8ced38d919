#include <algorithm>
#include <limits>

#include "tests/e2e/chaos/checker.h"

namespace w2t::chaos {
namespace {

class MarkChecker {
 public:
  MarkChecker(const MarkBook& marks, const JournalBook& book,
              const std::vector<WorkerDeath>& deaths, Findings& findings)
      : marks_(marks), book_(book), deaths_(deaths), findings_(findings) {}

  void Check() {
    for (const auto& [number, run] : book_.runs()) {
      by_id_[run.run_id] = &run;
      for (uint32_t task = 0; task < run.tasks.size(); ++task) {
        CheckTask(run, task);
      }
    }
    for (const auto& [name, marks] : marks_) {
      const auto& [run_id, task, attempt] = name;
      const auto it = by_id_.find(run_id);
      if (it == by_id_.end() || !it->second->index.contains(task) ||
          it->second->tasks[it->second->index.at(task)].size() < attempt) {
        findings_.Add("{} {} attempt {} ran without a lease", run_id, task,
                      attempt);
      }
    }
  }

 private:
  const Marks* Find(const RecordedRun& run, uint32_t task,
                    uint32_t attempt) const {
    const auto it = marks_.find(
        {run.run_id, run.graph.tasks(static_cast<int>(task)).name(), attempt});
    return it == marks_.end() ? nullptr : &it->second;
  }
  // When an attempt that began was over; 0: nothing ended it. One without a
  // mark ended with its worker: perhaps one that had been killed just before
  // the attempt's own mark, since a program outlives its worker for a moment.
  int64_t EndOf(const Marks& marks) const {
    if (marks.end_ns != 0) return marks.end_ns;
    for (const WorkerDeath& death : deaths_) {
      if (death.worker == marks.worker && death.gone_ns > marks.start_ns) {
        return std::max(marks.start_ns, death.kill_ns);
      }
    }
    return 0;
  }

  // Its worker was killed after it had begun: then nobody may know how it
  // ended.
  bool WasOrphaned(const Marks& marks, int64_t before_ns) const {
    return std::any_of(deaths_.begin(), deaths_.end(), [&](const auto& death) {
      return death.worker == marks.worker && death.kill_ns > marks.start_ns &&
             death.kill_ns < before_ns;
    });
  }

  void CheckTask(const RecordedRun& run, uint32_t task) {
    int64_t last_end_ns = 0;
    uint32_t starts = 0;
    const bool once = run.graph.tasks(static_cast<int>(task)).side_effect() ==
                      v1::SIDE_EFFECT_AT_MOST_ONCE;
    for (uint32_t n = 1; n <= run.tasks[task].size(); ++n) {
      const RecordedAttempt& attempt = run.tasks[task][n - 1];
      const Marks* marks = Find(run, task, n);
      CheckOutcome(run, task, n, attempt, marks);
      if (marks == nullptr) continue;
      if (++starts > 1 && once) Fault(run, task, n, "ran once more");
      if (marks->worker != book_.WorkerName(attempt.worker)) {
        Fault(run, task, n, "ran on a worker that it was not leased to");
      }
      if (marks->start_ns < last_end_ns) {
        Fault(run, task, n,
              fmt::format(
                  "began {:.3f} ms before the last attempt was over",
                  static_cast<double>(last_end_ns - marks->start_ns) / 1e6));
      }
      last_end_ns = EndOf(*marks);
      if (last_end_ns == 0) Fault(run, task, n, "never ended");
      CheckOrder(run, task, n, *marks);
    }
  }

  void CheckOutcome(const RecordedRun& run, uint32_t task, uint32_t n,
                    const RecordedAttempt& attempt, const Marks* marks) {
    const bool ran = marks != nullptr && marks->start_ns != 0;
    const bool ended = marks != nullptr && marks->end_ns != 0;
    const bool service =
        run.graph.tasks(static_cast<int>(task)).kind() == v1::TASK_KIND_SERVICE;
    if (service && ran && ended && WasOrphaned(*marks, marks->end_ns)) {
      findings_.Count(fmt::format("services: outlived their worker, then {}",
                                  Name(attempt.outcome)));
    }
    if (marks != nullptr && !ran) Fault(run, task, n, "ended and never began");
    switch (attempt.outcome) {
      case TaskState::kSucceeded:
      case TaskState::kFailed:
        if (service && ended && attempt.outcome == TaskState::kFailed &&
            WasOrphaned(*marks, std::numeric_limits<int64_t>::max())) {
          findings_.Count("services: ended while no worker was there");
          break;
        }
        if (!ended || marks->code != attempt.exit_code) {
          Fault(run, task, n,
                fmt::format("is recorded as {} with code {}, but {}",
                            Name(attempt.outcome), attempt.exit_code,
                            ended ? fmt::format("ended with {}", marks->code)
                                  : "never ended"));
        }
        break;
      case TaskState::kLost:
        findings_.Count(ended ? "attempts: lost, that had ended unheard"
                        : ran ? "attempts: lost, that had begun"
                              : "attempts: lost, that had not begun");
        break;
      default:
        break;
    }
  }

  // True when a dependency's condition held at `ns`, as far as marks tell.
  bool Held(const RecordedRun& run, const v1::Dependency& edge,
            int64_t ns) const {
    const uint32_t task = run.index.at(edge.task());
    const auto count = static_cast<uint32_t>(run.tasks[task].size());
    int64_t end_ns = 0;
    bool ready = false;
    for (uint32_t n = 1; n <= count; ++n) {
      const Marks* marks = Find(run, task, n);
      if (marks == nullptr) continue;
      end_ns = std::max(end_ns, EndOf(*marks));
      ready |= marks->ready_ns != 0 && marks->ready_ns <= ns;
    }
    switch (edge.condition()) {
      case v1::CONDITION_READY:
        return ready;
      case v1::CONDITION_STARTED:  // told by the worker, before any mark
        return true;
      default:
        return end_ns <= ns;
    }
  }

  void CheckOrder(const RecordedRun& run, uint32_t task, uint32_t n,
                  const Marks& marks) {
    const v1::Task& declared = run.graph.tasks(static_cast<int>(task));
    const auto held = static_cast<uint32_t>(std::count_if(
        declared.depends_on().begin(), declared.depends_on().end(),
        [&](const auto& edge) { return Held(run, edge, marks.start_ns); }));
    const auto all = static_cast<uint32_t>(declared.depends_on_size());
    if (held < (declared.trigger() == 0 ? all : declared.trigger())) {
      Fault(run, task, n, "began before its dependencies had ended");
    }
    findings_.Count("starts checked against dependencies", all > 0 ? 1 : 0);
  }

  void Fault(const RecordedRun& run, uint32_t task, uint32_t n,
             std::string_view what) {
    findings_.Add("{} {} attempt {} {}", run.run_id,
                  run.graph.tasks(static_cast<int>(task)).name(), n, what);
  }

  const MarkBook& marks_;
  const JournalBook& book_;
  const std::vector<WorkerDeath>& deaths_;
  Findings& findings_;
  std::map<std::string, const RecordedRun*> by_id_;
};

}  // namespace

void CheckMarks(const MarkBook& marks, const JournalBook& book,
                const std::vector<WorkerDeath>& deaths, Findings& findings) {
  MarkChecker(marks, book, deaths, findings).Check();
}

}  // namespace w2t::chaos
