#include "server/rpc/explain.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "core/run/critical_chain.h"
#include "core/schedule/shapes.h"
#include "proto/wire/graph_codec.h"
#include "proto/wire/view_codec.h"

namespace w2t::server {
namespace {

constexpr int kMaxShortages = 20;
constexpr int kMaxHolders = 10;

uint64_t AmountIn(const std::vector<Resource>& resources,
                  std::string_view name) {
  for (const Resource& resource : resources) {
    if (resource.name == name) return resource.milli;
  }
  return 0;
}

const Demand& DemandOf(const Run& run, TaskIndex task) {
  return run.blueprint().demands()[run.blueprint().demand(task)];
}

class Explainer {
 public:
  Explainer(const View& view, const Run& run, absl::Time now,
            Waiting::FindProbe find_probe, v1::ExplainTaskResponse* response)
      : view_(view),
        run_(run),
        waiting_(view.engine, run, now, std::move(find_probe)),
        response_(*response) {}

  void Tell(TaskIndex asked) {
    std::vector<Node> open = {{asked, 0, Condition::kDefault}};
    while (!open.empty()) {
      const Node node = open.back();
      open.pop_back();
      if (response_.tasks_size() == kMaxExplained) {
        response_.set_truncated(true);
        return;
      }
      TellOne(node);
      if (!told_.insert(node.task).second) {
        response_.mutable_tasks()->rbegin()->set_told_above(true);
        continue;
      }
      std::vector<TaskIndex> blockers = run_.Blockers(node.task, kMaxExplained);
      std::reverse(blockers.begin(), blockers.end());
      for (const TaskIndex blocker : blockers) {
        open.push_back({blocker, node.depth + 1,
                        run_.KindOfWait(node.task) == WaitKind::kDependencies
                            ? ConditionOf(blocker, node.task)
                            : Condition::kDefault});
      }
    }
  }

 private:
  struct Node {
    TaskIndex task;
    uint32_t depth;
    Condition condition;
  };

  Condition ConditionOf(TaskIndex before, TaskIndex after) const {
    for (const Blueprint::Edge& edge : run_.blueprint().predecessors(after)) {
      if (edge.task == before) return edge.condition;
    }
    return Condition::kDefault;
  }

  void TellOne(const Node& node) {
    v1::ExplainedTask& out = *response_.add_tasks();
    wire::FillTask(
        run_, node.task,
        [this](WorkerNumber w) { return view_.workers.Find(w); },
        out.mutable_task());
    if (const std::string why = waiting_.Of(node.task); !why.empty()) {
      out.mutable_task()->add_waiting_for(why);
    }
    out.set_depth(node.depth);
    out.set_condition(wire::ToProto(node.condition));
    SetEstimate(run_, node.task, &out);
    if (const absl::Duration left = waiting_.TimeLeft(node.task);
        left != absl::InfiniteDuration()) {
      *out.mutable_time_left() =
          wire::DurationOf(absl::ToInt64Microseconds(left));
    }
    if (run_.IsReady(node.task)) TellShortages(node.task, out);
  }

  void TellShortages(TaskIndex task, v1::ExplainedTask& out) {
    const Demand& demand = DemandOf(run_, task);
    out.set_more_urgent(CountMoreUrgent(task));
    for (const auto& [number, worker] : view_.engine.fleet().workers()) {
      if (out.shortages_size() == kMaxShortages) return;
      if (!worker.session || worker.draining || worker.leaving ||
          !Shapes::Suits(demand, worker.spec)) {
        continue;
      }
      if (worker.leases.size() >= worker.spec.max_leases) {
        v1::Shortage& shortage = *out.add_shortages();
        shortage.set_worker(worker.spec.name);
        shortage.set_total_milli(uint64_t{1'000} * worker.spec.max_leases);
        shortage.set_needed_milli(1'000);
        TellHolders(worker, "", shortage);
      }
      for (const Resource& needed : demand.resources) {
        const uint64_t free = view_.engine.fleet().FreeOf(worker, needed.name);
        if (free >= needed.milli) continue;
        v1::Shortage& shortage = *out.add_shortages();
        shortage.set_worker(worker.spec.name);
        shortage.set_resource(needed.name);
        shortage.set_needed_milli(needed.milli);
        shortage.set_free_milli(free);
        shortage.set_total_milli(AmountIn(worker.spec.resources, needed.name));
        TellHolders(worker, needed.name, shortage);
      }
    }
  }

  // Those that have some of `resource`, or all when it is empty.
  void TellHolders(const Worker& worker, std::string_view resource,
                   v1::Shortage& shortage) {
    uint32_t count = 0;
    for (const auto& [fence, lease] : worker.leases) {
      const Run* run = view_.engine.FindRun(lease.run);
      const uint64_t milli =
          resource.empty()
              ? 1'000
              : AmountIn(DemandOf(*run, lease.task).resources, resource);
      if (milli == 0) continue;
      if (++count > kMaxHolders) continue;
      v1::Holder& holder = *shortage.add_holders();
      holder.set_run_id(run->spec().run_id);
      holder.set_task(std::string(run->blueprint().task_name(lease.task)));
      holder.set_milli(milli);
      if (const int64_t start_us = run->task(lease.task).start_us;
          start_us != 0) {
        *holder.mutable_start_time() = wire::TimestampOf(start_us);
      }
      SetEstimate(*run, lease.task, &holder);
    }
    shortage.set_holder_count(count);
  }

  uint64_t CountMoreUrgent(TaskIndex asked) const {
    const Blueprint& mine = run_.blueprint();
    const Demand& demand = DemandOf(run_, asked);
    uint64_t count = 0;
    for (const auto& [number, run] : view_.engine.runs()) {
      if (run->count(TaskState::kReady) == 0) continue;
      const Blueprint& theirs = run->blueprint();
      for (TaskIndex task = 0; task < theirs.size(); ++task) {
        if (!run->IsReady(task)) continue;
        const std::pair other(theirs.priority(task), theirs.remaining_us(task));
        if (other > std::pair(mine.priority(asked), mine.remaining_us(asked)) &&
            DemandOf(*run, task) == demand) {
          ++count;
        }
      }
    }
    return count;
  }

  template <typename Message>
  static void SetEstimate(const Run& run, TaskIndex task, Message* out) {
    const absl::Duration estimate = run.blueprint().estimate(task);
    if (estimate == kDefaultEstimate) return;  // it says nothing
    *out->mutable_estimate() =
        wire::DurationOf(absl::ToInt64Microseconds(estimate));
  }

  const View& view_;
  const Run& run_;
  Waiting waiting_;
  v1::ExplainTaskResponse& response_;
  absl::flat_hash_set<TaskIndex> told_;
};

}  // namespace

void Explain(const View& view, const Run& run, TaskIndex task, absl::Time now,
             v1::ExplainTaskResponse* response, Waiting::FindProbe find_probe) {
  Explainer(view, run, now, std::move(find_probe), response).Tell(task);
}

void FillCriticalChain(const View& view, const Run& run, absl::Time now,
                       v1::GetCriticalChainResponse* response) {
  const int64_t now_us = absl::ToUnixMicros(now);
  for (const ChainLink& link : CriticalChain(run)) {
    v1::ChainLink& out = *response->add_links();
    wire::FillTask(
        run, link.task, [&](WorkerNumber w) { return view.workers.Find(w); },
        out.mutable_task());
    const int64_t done_us = link.done_us == 0 ? now_us : link.done_us;
    *out.mutable_waited() = wire::DurationOf(
        std::max<int64_t>(link.start_us - link.released_us, 0));
    *out.mutable_took() =
        wire::DurationOf(std::max<int64_t>(done_us - link.start_us, 0));
    out.set_condition(wire::ToProto(link.condition));
  }
}

}  // namespace w2t::server
