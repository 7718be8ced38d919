// Random graphs, random workers and random faults. The environment checks every
// promise after every step; here only the end is checked: once the faults have
// stopped, every run ends.
//
// A failure names its seed; W2T_SEED=<seed> repeats it alone, and
// W2T_SEEDS=<count> plays more of them.
#include <cstdint>
#include <cstdlib>
#include <map>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/engine_env.h"
#include "tests/support/graph_builder.h"
#include "tests/support/sanitized.h"

namespace w2t::testing {
namespace {

constexpr uint64_t kSeeds = test::kSanitized ? 15 : 60;
constexpr int kMoves = 250;
constexpr size_t kMaxRuns = 5;

uint64_t NumberFrom(const char* variable, uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

class RandomWorld {
 public:
  explicit RandomWorld(uint64_t seed) : random_(seed), env_(Options()) {}

  void Play() {
    for (int move = 0; move < kMoves; ++move) {
      Move();
      if (::testing::Test::HasFailure()) return;
    }
    StopFaults();
    env_.Finish();
    for (const std::string& run : runs_) {
      if (env_.FindRun(run) == nullptr) continue;
      if (env_.FindRun(run)->state() == RunState::kUp) {
        EXPECT_TRUE(env_.Cancel(run).ok());
      }
    }
    env_.Finish();
    for (const auto& [number, run] : env_.engine().runs()) {
      EXPECT_TRUE(IsEnded(run->state()))
          << run->spec().run_id << " is " << Name(run->state());
    }
    EXPECT_TRUE(env_.engine().idle());
  }

 private:
  static EngineOptions Options() {
    EngineOptions options;
    options.limits.max_runs = kMaxRuns;
    options.limits.max_run_events = 200;
    options.retention = absl::Seconds(60);
    return options;
  }

  // 0 to n - 1.
  uint64_t Below(uint64_t n) { return random_() % n; }
  bool Chance(int percent) {
    return Below(100) < static_cast<uint64_t>(percent);
  }
  template <typename T>
  const T& OneOf(const std::vector<T>& choices) {
    return choices[Below(choices.size())];
  }

  void Move() {
    const uint64_t dice = Below(100);
    if (dice < 6) {
      Submit();
    } else if (dice < 14) {
      Dial();
    } else if (dice < 17) {
      BreakStream();
    } else if (dice < 19) {
      if (Chance(50)) env_.Snapshot();
      env_.Restart();
    } else if (dice < 21) {
      Disturb();
    } else if (dice < 23 && !runs_.empty()) {
      static_cast<void>(env_.Cancel(OneOf(runs_)));  // it may be forgotten
    } else if (dice < 33) {
      env_.Advance(
          OneOf<absl::Duration>({absl::ZeroDuration(), absl::Milliseconds(100),
                                 absl::Seconds(2), absl::Seconds(11)}));
    } else if (dice < 38) {
      RepeatAReport();
    } else if (dice < 42) {
      ManyAtOnce();
    } else if (dice < 44) {
      env_.Snapshot();
    } else if (dice < 47) {
      RestartSome();
    } else if (dice < 50) {
      ReviseOne();
    } else {
      Work();
    }
  }

  void Submit() {
    const Graph graph = MakeGraph();
    const bool unique = Chance(30);
    const SubmitReply reply =
        env_.TrySubmit(graph, {.hold = Chance(20), .unique_name = unique});
    if (reply.status.ok()) {
      runs_.push_back(reply.run_id);
      graphs_[reply.run_id] = graph;
    } else if (!unique || !absl::IsAlreadyExists(reply.status)) {
      EXPECT_TRUE(absl::IsResourceExhausted(reply.status)) << reply.status;
    }
  }

  // A run that lives, or empty.
  std::string LiveRun() {
    std::vector<std::string> live;
    for (const std::string& id : runs_) {
      const Run* run = env_.FindRun(id);
      if (run != nullptr && !run->stopping() && !IsEnded(run->state())) {
        live.push_back(id);
      }
    }
    return live.empty() ? "" : OneOf(live);
  }

  void RestartSome() {
    const std::string id = LiveRun();
    if (id.empty()) return;
    env_.Use(id);
    const Blueprint& blueprint = env_.run().blueprint();
    std::vector<std::string> tasks;
    for (uint64_t i = 1 + Below(3); i > 0; --i) {
      tasks.emplace_back(
          blueprint.task_name(static_cast<TaskIndex>(Below(blueprint.size()))));
    }
    const absl::Status status = env_.RestartTasks(std::move(tasks));
    EXPECT_TRUE(status.ok() || absl::IsNotFound(status) ||
                absl::IsFailedPrecondition(status))
        << status;
  }

  void ReviseOne() {
    const std::string id = LiveRun();
    if (id.empty()) return;
    env_.Use(id);
    std::vector<std::string> changed;
    const bool pending = env_.run().revising();
    const Graph graph = Revised(graphs_[id], &changed);
    if (pending) changed.clear();  // they may not be there yet
    const absl::Status status = env_.Revise(graph, changed);
    if (status.ok()) {
      EXPECT_FALSE(pending);
      graphs_[id] = graph;
    } else {
      EXPECT_TRUE(pending ? absl::IsAborted(status)
                          : absl::IsFailedPrecondition(status))
          << status;
    }
  }

  Graph Revised(const Graph& old, std::vector<std::string>* changed) {
    Graph graph(old.name());
    for (const Demand& demand : old.demands()) graph.AddDemand(demand);
    for (const RetryPolicy& retry : old.retries()) graph.AddRetry(retry);
    std::set<std::string> removed;
    for (const TaskSpec& task : old.tasks()) {
      if (Chance(task.removed ? 70 : 10)) removed.insert(task.name);
    }
    for (TaskSpec task : old.tasks()) {
      const bool goes = removed.contains(task.name);
      const size_t gone = std::erase_if(
          task.depends_on,
          [&](const Dependency& d) { return removed.contains(d.task); });
      const bool changes = !goes && (gone > 0 || Chance(15));
      if (goes) task.depends_on.clear();
      if (goes) task.undo_of.clear();
      if (goes || changes) {
        for (Dependency& dependency : task.depends_on) dependency.quorum = 0;
        task.quorums.clear();
        task.trigger = 0;
      }
      if (changes) {
        ++task.priority;
        task.demand = graph.AddDemand(DemandOf(task.kind));
        if (!task.removed) changed->push_back(task.name);
      }
      task.removed = goes;
      graph.Add(std::move(task));
    }
    for (uint64_t i = Below(3); i > 0; --i) {
      TaskSpec task{.name = "n" + std::to_string(++added_),
                    .kind = Chance(50) ? TaskKind::kTask : TaskKind::kService};
      task.demand = graph.AddDemand(DemandOf(task.kind));
      const TaskSpec& on = OneOf(old.tasks());
      if (!removed.contains(on.name) && on.undo_of.empty()) {
        task.depends_on.push_back({.task = on.name, .restart = Chance(50)});
      }
      graph.Add(std::move(task));
    }
    return graph;
  }

  Graph MakeGraph() {
    GraphBuilder builder("g");
    std::vector<std::pair<bool, bool>> made;  // service, has a probe
    const uint64_t size = 1 + Below(20);
    for (uint64_t i = 0; i < size; ++i) {
      std::vector<Dep> deps;
      for (uint64_t j = 0; j < i && deps.size() < 3; ++j) {
        if (Below(i) < 2) deps.push_back(MakeDep(j, made[j]));
      }
      const std::vector<Dep> quorum = TakeQuorum(deps);
      const auto count =
          static_cast<uint32_t>(deps.size() + (quorum.empty() ? 0 : 1));
      const std::string name = "t" + std::to_string(i);
      made.emplace_back(Chance(25), Chance(40));
      if (made.back().first) {
        builder.Service(name, std::move(deps));
      } else {
        builder.Task(name, std::move(deps)).Demands(MakeDemand());
      }
      if (!quorum.empty())
        builder.Quorum(1 + static_cast<uint32_t>(Below(quorum.size())), quorum);
      if (made.back().second) builder.Probe();
      if (count > 0 && Chance(30)) builder.Trigger(1 + Below(count));
      if (Chance(15)) {
        builder.AtMostOnce();
      } else if (Chance(40)) {
        builder.Retry(MakeRetry());
      }
      if (Chance(20)) builder.AllowFailure();
      if (Chance(4)) builder.FailRun();
      builder.Priority(static_cast<int32_t>(Below(3)));
    }
    builder.OnFailure(OneOf<OnFailure>(
        {OnFailure::kContinue, OnFailure::kContinue, OnFailure::kCancel,
         OnFailure::kUndo, OnFailure::kUndo}));
    for (uint64_t i = 0; i < size; ++i) {
      if (made[i].first || !Chance(40)) continue;
      const std::string name = "t" + std::to_string(i);
      builder.Task(name + ".undo").UndoOf(name).Demands(MakeDemand());
      if (Chance(30)) builder.Retry(MakeRetry());
    }
    return builder;
  }

  // Some of the dependencies, to count as one.
  std::vector<Dep> TakeQuorum(std::vector<Dep>& deps) {
    std::vector<Dep> quorum;
    if (deps.size() < 2 || !Chance(30)) return quorum;
    for (uint64_t size = 1 + Below(deps.size()); size > 0; --size) {
      quorum.push_back(std::move(deps.back()));
      deps.pop_back();
    }
    return quorum;
  }

  Dep MakeDep(uint64_t to, std::pair<bool, bool> made) {
    std::vector<Condition> choices = {Condition::kDefault, Condition::kStarted};
    if (made.second) choices.push_back(Condition::kReady);
    if (!made.first || Chance(20)) {
      choices.insert(choices.end(),
                     {Condition::kSucceeded, Condition::kSucceeded,
                      Condition::kFinished, Condition::kFailed});
    }
    Dep dep("t" + std::to_string(to), OneOf(choices));
    dep.dependency.restart = Chance(35);
    return dep;
  }

  Demand MakeDemand() {
    return OneOf<Demand>({{},
                          {},
                          {.resources = {}},
                          {.resources = {{"cpus", 2000}}},
                          {.resources = {{"cpus", 500}, {"gpus", 1000}}},
                          {.labels = {{"role", "db"}}}});
  }

  // Services that take something could keep others from ever starting.
  Demand DemandOf(TaskKind kind) {
    if (kind == TaskKind::kTask) return MakeDemand();
    return OneOf<Demand>(
        {{.resources = {}}, {.resources = {}, .labels = {{"role", "db"}}}});
  }

  RetryPolicy MakeRetry() {
    RetryPolicy retry = {.attempts = static_cast<uint32_t>(1 + Below(4)),
                         .initial_backoff = absl::Seconds(Below(3)),
                         .max_backoff = absl::Seconds(4),
                         .exit_codes = Chance(20) ? std::vector<int32_t>{1}
                                                  : std::vector<int32_t>{},
                         .on_success = Chance(10)};
    if (retry.on_success) return retry;  // with these it might never end
    if (Chance(20)) retry.window = absl::Seconds(5);
    if (Chance(20)) retry.stable_after = absl::Seconds(2);
    return retry;
  }

  WorkerOptions MakeWorker() {
    WorkerOptions options{.slots = static_cast<uint32_t>(1 + Below(4)),
                          .instance = std::to_string(++instances_)};
    if (Chance(50)) options.labels = {{"role", "db"}};
    if (Chance(50)) options.resources = {{"gpus", 1000}};
    if (Chance(20)) options.max_leases = 2;
    return options;
  }

  // A process dials: a new one, or one that has lost its stream.
  void Dial() {
    const std::string name = "w" + std::to_string(Below(4));
    const auto it = env_.workers().find(name);
    if (it == env_.workers().end() || Chance(10)) {
      env_.Hello(name, MakeWorker());
    } else if (!it->second.session || Chance(10)) {
      env_.Reattach(name);
    }
  }

  std::string AnyWorker() {
    if (env_.workers().empty()) return "";
    auto it = env_.workers().begin();
    std::advance(it, Below(env_.workers().size()));
    return it->first;
  }

  void BreakStream() {
    const std::string name = AnyWorker();
    if (name.empty()) return;
    if (Chance(40)) {
      env_.Kill(name);
    } else {
      env_.Disconnect(name);
    }
  }

  void Disturb() {
    const std::string name = AnyWorker();
    if (name.empty()) return;
    FakeWorker& worker = env_.worker(name);
    switch (Below(4)) {
      case 0:
        worker.receives_offers = false;
        break;
      case 1:
        worker.answers_pings = false;
        break;
      case 2:
        static_cast<void>(env_.DrainWorker(name, Chance(50)));
        break;
      default:
        if (worker.session) env_.Leave(name);
    }
  }

  // What a worker may truthfully say of `lease` next.
  TaskState NextState(const FakeWorker& worker, const LeaseRef& lease) {
    for (const LeaseRef& told : worker.to_stop) {
      if (told == lease && Chance(80)) return TaskState::kCancelled;
    }
    return OneOf<TaskState>(
        {TaskState::kRunning, TaskState::kRunning, TaskState::kUp,
         TaskState::kUp, TaskState::kSucceeded, TaskState::kSucceeded,
         TaskState::kSucceeded, TaskState::kSucceeded, TaskState::kFailed,
         TaskState::kTimedOut,
         Chance(5) ? TaskState::kCancelled : TaskState::kRunning});
  }

  void Work() {
    const std::string name = AnyWorker();
    if (name.empty()) return;
    const FakeWorker& worker = env_.worker(name);
    ReportColumns reports;
    for (const LeaseRef& lease : worker.held) {
      if (Chance(50)) continue;
      const TaskState state = NextState(worker, lease);
      reports.leases.Add(lease);
      reports.state.push_back(state);
      reports.exit_code.push_back(
          state == TaskState::kFailed ? static_cast<int32_t>(1 + Below(2)) : 0);
      if (IsOutcome(state) || Chance(70)) continue;
      reports.leases.Add(lease);  // its end, in the same batch
      reports.state.push_back(TaskState::kSucceeded);
      reports.exit_code.push_back(0);
    }
    if (reports.leases.empty()) return;
    said_.push_back(reports);
    env_.Report(name, reports);
  }

  // Something old, perhaps by somebody else, perhaps not even true.
  void RepeatAReport() {
    const std::string name = AnyWorker();
    if (name.empty() || said_.empty()) return;
    ReportColumns reports = OneOf(said_);
    if (Chance(30)) ++reports.leases.fence[0];
    if (Chance(30)) ++reports.leases.attempt[0];
    if (Chance(10)) reports.leases.task[0] = 1'000;
    env_.Report(name, reports);
  }

  void ManyAtOnce() {
    env_.BeginTogether();
    const uint64_t moves = 2 + Below(4);
    for (uint64_t i = 0; i < moves; ++i) {
      if (Chance(70)) {
        Work();
      } else if (Chance(30)) {
        RestartSome();
      } else if (Chance(50)) {
        if (!runs_.empty()) static_cast<void>(env_.Cancel(OneOf(runs_)));
      } else if (const std::string name = AnyWorker(); !name.empty()) {
        env_.Disconnect(name);
      }
    }
    env_.EndTogether();
  }

  void StopFaults() {
    std::vector<std::string> names;
    for (auto& [name, worker] : env_.workers()) names.push_back(name);
    for (const std::string& name : names) {
      FakeWorker& worker = env_.worker(name);
      worker.receives_offers = worker.answers_pings = true;
      env_.Reattach(name);
      static_cast<void>(env_.DrainWorker(name, /*undo=*/true));
    }
    EXPECT_TRUE(env_.Hello("rescue", {.slots = 2,
                                      .labels = {{"role", "db"}},
                                      .resources = {{"gpus", 1000}}}));
  }

  std::mt19937_64 random_;
  EngineEnv env_;
  std::vector<std::string> runs_;
  std::map<std::string, Graph> graphs_;  // as last accepted
  int added_ = 0;
  std::vector<ReportColumns> said_;
  int instances_ = 0;
};

TEST(EngineRandomTest, EveryPromiseIsKeptAndEveryRunEnds) {
  uint64_t first = 1;
  uint64_t last = NumberFrom("W2T_SEEDS", kSeeds);
  if (const uint64_t seed = NumberFrom("W2T_SEED", 0); seed != 0) {
    first = last = seed;
  }
  for (uint64_t seed = first; seed <= last; ++seed) {
    SCOPED_TRACE("W2T_SEED=" + std::to_string(seed));
    RandomWorld(seed).Play();
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace w2t::testing
