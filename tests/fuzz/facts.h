// Facts for an engine, as a program says: most of them fit the engine's state,
// so that a program gets far, and some fit nothing.
#ifndef W2T_TESTS_FUZZ_FACTS_H_
#define W2T_TESTS_FUZZ_FACTS_H_

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/engine/engine.h"
#include "tests/fuzz/graphs.h"
#include "tests/fuzz/program.h"

namespace w2t::fuzz {

class FactMaker {
 public:
  FactMaker(Program* program, const Engine* engine)
      : program_(*program), engine_(*engine) {}

  // The fact may be one of the kinds that the program asked for and the state
  // has no place for: then there is none.
  std::optional<Fact> Make() {
    data_ = engine_.Data();
    switch (program_.Below(20)) {
      case 0:
        return EpochStarted{Or(data_.epoch + 1), program_.Below(4)};
      case 1:
      case 2:
        return Accepted();
      case 3:
        return RunCancelled{{Run()}, "why"};
      case 4:
        return RunEvicted{{Run()}};
      case 5:
      case 6:
        return Joined();
      case 7:
        return WorkerLeft{Worker(), "gone"};
      case 8:
        return WorkerDrained{Worker(), program_.Flag()};
      case 9:
        return Due();
      case 10: {
        LeasesLost lost{Worker(), {}, "lost", program_.Flag()};
        for (uint32_t i = program_.Below(3); i > 0; --i)
          lost.leases.Add(Held());
        return lost;
      }
      case 11:
      case 12:
      case 13:
        return Grant();
      case 16:
        return Restarted();
      case 17:
      case 18:
        return Revised();
      case 19:
        return Dialled();
      default:
        return Report();
    }
  }

 private:
  uint64_t Or(uint64_t value) {
    return program_.Byte() < 250 ? value : program_.Byte();
  }

  uint64_t Run() {
    const auto& runs = engine_.runs();
    if (runs.empty()) return Or(1);
    auto it = runs.begin();
    std::advance(it, program_.Byte() % runs.size());
    return Or(it->first.value);
  }

  WorkerNumber Worker() {
    const auto& workers = engine_.fleet().workers();
    if (workers.empty()) return {1};
    auto it = workers.begin();
    std::advance(it, program_.Byte() % workers.size());
    return {static_cast<uint32_t>(Or(it->first.value))};
  }

  std::optional<Fact> Accepted() {
    wire::DecodedGraph decoded = wire::DecodeGraph(MakeGraph(program_), {});
    if (decoded.blueprint == nullptr) return std::nullopt;
    RunAccepted fact;
    fact.run = {Or(data_.next_run.value)};
    fact.run_id = "r" + std::to_string(fact.run.value);
    if (program_.Flag()) fact.request_id = fact.run_id;
    const uint32_t how = program_.Byte();
    fact.hold = (how & 1) != 0;
    fact.keep = (how & 2) != 0;
    fact.blueprint = std::move(decoded.blueprint);
    fact.definition = std::move(decoded.definition);
    return fact;
  }

  Fact Joined() {
    WorkerJoined fact;
    fact.worker = {static_cast<uint32_t>(Or(data_.next_worker.value))};
    fact.spec.name = "w" + std::to_string(program_.Below(4));
    fact.spec.instance = "1";
    fact.spec.resources = {{kCpus, 1'000 * (1 + program_.Below(4))}};
    fact.spec.capabilities = {kExecCapability};
    fact.spec.max_leases = 1 + program_.Below(8);
    return fact;
  }

  Fact Dialled() {
    const WorkerNumber number = Worker();
    const w2t::Worker* worker = engine_.fleet().Find(number);
    return WorkerDialled{number,
                         Or(worker == nullptr ? 1 : worker->spec.stream + 1)};
  }

  Fact Restarted() {
    TasksRestarted fact{{Run()}, {}};
    const w2t::Run* run = engine_.FindRun(fact.run);
    const uint32_t size = run == nullptr ? 8 : run->blueprint().size();
    for (uint32_t i = program_.Below(4); i > 0; --i) {
      fact.tasks.push_back(static_cast<TaskIndex>(Or(program_.Below(size))));
    }
    return fact;
  }

  std::optional<Fact> Revised() {
    const w2t::Run* run = engine_.FindRun(RunNumber{Run()});
    if (run == nullptr) return std::nullopt;
    v1::Graph running;
    running.ParseFromString(std::string(run->spec().definition->encoded()));
    wire::GraphMerge merge = ReviseGraph(program_, running);
    // Another run's would fit this one by chance alone.
    if (program_.Byte() >= 250) merge.graph = MakeGraph(program_);
    wire::DecodedGraph decoded =
        wire::DecodeGraph(merge.graph, {}, wire::GraphUse::kRevision);
    if (decoded.blueprint == nullptr) return std::nullopt;
    RunRevised fact;
    fact.run = run->spec().number;
    fact.revision = Or(run->revision() + 1);
    fact.blueprint = std::move(decoded.blueprint);
    fact.definition = std::move(decoded.definition);
    fact.changed = std::move(merge.changed);
    for (TaskIndex& task : fact.changed)
      task = static_cast<TaskIndex>(Or(task));
    return fact;
  }

  // A task of a run, from the program's choice on the first one in that state.
  LeaseRef Task(bool held) {
    const w2t::Run* run = engine_.FindRun(RunNumber{Run()});
    if (run == nullptr) return {{program_.Byte()}, program_.Byte(), 1, {1}};
    const auto size = static_cast<uint32_t>(run->blueprint().size());
    TaskIndex task = program_.Below(size);
    for (uint32_t i = 0; i < size; ++i, task = (task + 1) % size) {
      if (held ? IsHeld(run->task(task).state) : run->IsReady(task)) break;
    }
    const TaskRecord& record = run->task(task);
    return {run->spec().number, task, record.attempt, record.fence};
  }

  LeaseRef Held() {
    LeaseRef lease = Task(true);
    lease.fence = {Or(lease.fence.value)};
    return lease;
  }

  Fact Grant() {
    Leased fact;
    LeaseRef lease = Task(false);
    lease.attempt = static_cast<uint32_t>(Or(lease.attempt + 1));
    lease.fence = {Or(data_.next_fence.value)};
    fact.leases.Add(lease);
    fact.worker.push_back(Worker().value);
    return fact;
  }

  Fact Report() {
    Reported fact;
    const LeaseRef lease = Held();
    fact.worker = Worker();
    // Whoever holds it, mostly.
    const w2t::Run* run = engine_.FindRun(lease.run);
    if (run != nullptr && lease.task < run->blueprint().size()) {
      fact.worker = {
          static_cast<uint32_t>(Or(run->task(lease.task).worker.value))};
    }
    fact.reports.leases.Add(lease);
    constexpr TaskState kStates[] = {
        TaskState::kRunning, TaskState::kUp,       TaskState::kSucceeded,
        TaskState::kFailed,  TaskState::kTimedOut, TaskState::kCancelled};
    fact.reports.state.push_back(kStates[program_.Below(6)]);
    fact.reports.exit_code.push_back(static_cast<int32_t>(program_.Below(3)));
    if (program_.Flag()) fact.reports.details.push_back({.message = "m"});
    return fact;
  }

  Fact Due() {
    RetriesDue fact;
    const w2t::Run* run = engine_.FindRun(RunNumber{Run()});
    const uint64_t number = run == nullptr ? 1 : run->spec().number.value;
    uint32_t task = program_.Below(8);
    for (TaskIndex i = 0; run != nullptr && i < run->blueprint().size(); ++i) {
      if (run->task(i).state == TaskState::kBackoff) task = i;
    }
    fact.run.push_back(number);
    fact.task.push_back(task);
    return fact;
  }

  Program& program_;
  const Engine& engine_;
  EngineData data_;
};

}  // namespace w2t::fuzz

#endif  // W2T_TESTS_FUZZ_FACTS_H_
