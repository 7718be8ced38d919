#include "tests/sim/world.h"

#include <algorithm>
#include <utility>

#include "fmt/format.h"
#include "tests/sim/graphs.h"

namespace w2t::sim {

// What kinds of things go wrong, and how often, in events per minute.
struct World::Plan {
  DaemonOptions daemon;
  uint64_t workers = 2;
  uint64_t clients = 2;
  uint64_t most_tasks = 20;
  uint64_t most_runs = 4;  // of one client
  absl::Duration length;   // of the time of faults
  absl::Duration gap;      // between faults, at most
  bool daemon_faults = false;
  bool disk_faults = false;
  bool worker_faults = false;
  bool network_faults = false;
  bool liar = false;
};

namespace {

// Within this time after the last fault all must have ended.
constexpr absl::Duration kBound = absl::Minutes(10);

v1::Hello MakeIdentity(Random& random, std::string name, bool able) {
  const bool many_leases = able || name == kAlwaysThere;
  v1::Hello hello;
  hello.set_name(std::move(name));
  hello.set_version("sim");
  hello.set_protocol(1);
  hello.set_exec(true);
  hello.set_waits(able || random.Chance(80));
  v1::Resource* cpus = hello.add_resources();
  cpus->set_name("cpus");
  cpus->set_milli(able ? 4'000 : random.Between(1, 4) * 1'000);
  hello.set_max_leases(!many_leases && random.Chance(20) ? 2 : 100);
  if (able || random.Chance(50)) hello.add_handlers(kHandlerName);
  if (able || random.Chance(50)) (*hello.mutable_labels())["role"] = "db";
  if (able || random.Chance(50)) {
    v1::Resource* gpus = hello.add_resources();
    gpus->set_name("gpus");
    gpus->set_milli(2'000);
  }
  return hello;
}

}  // namespace

World::Plan World::MakePlan(Random& random) {
  Plan plan;
  const bool hasty = random.Chance(50);
  EngineOptions& engine = plan.daemon.engine;
  engine.ping_interval = hasty ? absl::Milliseconds(500) : absl::Seconds(2);
  engine.lease_ttl = hasty ? absl::Milliseconds(2'500) : absl::Seconds(10);
  engine.reattach_window = random.OneOf<absl::Duration>(
      {absl::Seconds(1), absl::Seconds(3), absl::Seconds(10)});
  server::ServerLimits& limits = plan.daemon.limits;
  limits.max_runs = random.Chance(20) ? random.Between(1, 3) : 1'000;
  limits.max_run_events = random.Chance(20) ? 20 : 10'000;
  limits.max_lost_attempts = random.Between(1, 6);
  limits.max_inbox = random.Chance(20) ? 2 : 100;
  limits.max_session_window = random.OneOf<uint64_t>({1, 2, 16});
  limits.max_outbox_bytes = random.Chance(20) ? 16'000 : 1 << 20;
  limits.max_log_batches = random.OneOf<uint64_t>({1, 4, 64});
  engine.limits = limits;
  if (random.Chance(10)) engine.retention = absl::Seconds(5);
  plan.daemon.lag = random.OneOf<absl::Duration>(
      {absl::Milliseconds(1), absl::Milliseconds(10), absl::Milliseconds(300)});
  plan.daemon.log_room = random.OneOf<uint64_t>({2'000, 64'000});
  plan.daemon.snapshot_bytes = random.OneOf<uint64_t>({4'000, 40'000, 1 << 20});
  plan.workers = random.Between(1, 4);
  plan.clients = random.Between(1, 3);
  plan.most_tasks = random.OneOf<uint64_t>({3, 12, 25});
  plan.most_runs = random.Between(1, 4);
  plan.length = random.Between(absl::Seconds(5), absl::Seconds(25));
  plan.gap = random.OneOf<absl::Duration>(
      {absl::Milliseconds(300), absl::Seconds(1), absl::Seconds(4)});
  plan.daemon_faults = random.Chance(60);
  plan.disk_faults = random.Chance(30);
  plan.worker_faults = random.Chance(60);
  plan.network_faults = random.Chance(60);
  plan.liar = random.Chance(25);
  return plan;
}

World::World(uint64_t seed, bool verbose)
    : random_(seed),
      folders_(~seed),
      with_folders_(folders_.Chance(60) ? 70 : 0),
      plan_(std::make_unique<const Plan>(MakePlan(random_))),
      oracle_(&clock_, plan_->daemon.engine, verbose),
      daemon_(&clock_, &oracle_, random_.Fork(), plan_->daemon) {
  daemon_.on_down = [this] {
    for (const auto& worker : workers_) worker->BreakStream();
    for (const auto& client : clients_) client->BreakStreams();
    if (liar_ != nullptr) liar_->BreakStream();
  };
  for (uint64_t i = 0; i < plan_->workers; ++i) AddWorker(false);
  for (uint64_t i = 0; i < plan_->clients; ++i) {
    clients_.push_back(std::make_unique<SimClient>(
        &clock_, &oracle_, &daemon_, random_.Fork(), fmt::format("c{}", i)));
  }
  if (plan_->liar) {
    liar_ =
        std::make_unique<SimLiar>(&clock_, &oracle_, &daemon_, random_.Fork(),
                                  MakeIdentity(random_, "liar", false));
  }
}

World::~World() = default;

void World::AddWorker(bool able) {
  workers_.push_back(std::make_unique<SimWorker>(
      &clock_, &oracle_, &daemon_, random_.Fork(),
      MakeIdentity(random_, fmt::format("w{}", workers_.size()), able),
      folders_.Chance(with_folders_)));
  workers_.back()->Start();
}

Report World::Play() {
  daemon_.Start();
  if (liar_ != nullptr) liar_->Start();
  Live();
  if (plan_->daemon_faults || plan_->disk_faults || plan_->worker_faults ||
      plan_->network_faults) {
    Disturb();
  }
  if (with_folders_ > 0) KillKeepers();
  const absl::Time calm = clock_.now() + plan_->length;
  clock_.At(calm, [this] { Calm(); });
  while (!oracle_.fault() && clock_.Step()) {
    if (calm_ && Finished()) break;
    if (clock_.now() > calm + kBound) break;
  }
  if (!oracle_.fault()) CheckEnd();
  return {oracle_.fault(), oracle_.trace(), 0, oracle_.batches(),
          daemon_.process()};
}

// What clients do, apart from all faults.
void World::Live() {
  if (calm_) return;
  SimClient& client = AnyClient();
  const uint64_t dice = random_.Below(100);
  if (random_.Chance(60) && client.runs() < plan_->most_runs) {
    v1::SubmitRunRequest request;
    *request.mutable_graph() = MakeGraph(random_, plan_->most_tasks);
    request.set_hold(random_.Chance(15));
    if (random_.Chance(40)) {
      request.set_unique_name(true);
      request.mutable_graph()->set_name(fmt::format("u{}", random_.Below(2)));
    }
    client.Submit(std::move(request));
  } else if (dice < 20) {
    client.CancelOne();
  } else if (dice < 40) {
    v1::Graph other = MakeGraph(random_, 3);
    other.set_name("other");
    client.RepeatOne(other);
  } else if (dice < 70) {
    client.RestartOne();
  } else {
    client.ReviseOne();
  }
  clock_.After(random_.Between(absl::Milliseconds(10), absl::Seconds(2)),
               [this] { Live(); });
}

void World::Disturb() {
  if (calm_) return;
  std::vector<void (World::*)()> kinds;
  if (plan_->daemon_faults) kinds.push_back(&World::DisturbDaemon);
  if (plan_->disk_faults) kinds.push_back(&World::DisturbDisk);
  if (plan_->worker_faults) kinds.push_back(&World::DisturbWorker);
  if (plan_->network_faults) kinds.push_back(&World::DisturbNetwork);
  (this->*random_.OneOf(kinds))();
  clock_.After(random_.Between(absl::ZeroDuration(), plan_->gap),
               [this] { Disturb(); });
}

Tail World::AnyTail() {
  return random_.OneOf<Tail>(
      {Tail::kKept, Tail::kDropped, Tail::kCutOff, Tail::kTorn});
}

void World::DisturbDaemon() {
  if (!daemon_.up()) return;
  const absl::Duration down = random_.Between(
      absl::Milliseconds(10),
      random_.Chance(20) ? absl::Seconds(15) : absl::Seconds(1));
  const uint64_t dice = random_.Below(100);
  if (dice < 25) {
    daemon_.Crash(AnyTail(), down);
  } else if (dice < 55) {
    daemon_.CrashAfter(random_.Below(60), UINT64_MAX, AnyTail(), down);
  } else if (dice < 80) {
    daemon_.CrashAfter(UINT64_MAX >> 1, 1 + random_.Below(30), AnyTail(), down);
  } else if (dice < 90) {
    daemon_.Stop(random_.Between(absl::ZeroDuration(), absl::Seconds(2)), down);
  } else {
    daemon_.JumpClock(random_.Between(-absl::Seconds(5), absl::Seconds(30)));
  }
}

void World::DisturbDisk() {
  SimDisk& disk = daemon_.disk();
  switch (random_.Below(3)) {
    case 0:
      disk.SetCapacity(disk.used() + random_.Below(30'000));
      clock_.After(random_.Between(absl::ZeroDuration(), absl::Seconds(4)),
                   [&disk] { disk.SetCapacity(UINT64_MAX); });
      break;
    case 1:
      disk.FailSyncs(random_.Between(1, 4));
      break;
    default:
      disk.FailWrites(random_.Between(1, 4));
  }
}

void World::DisturbWorker() {
  SimWorker& worker = AnyWorker();
  switch (random_.Below(8)) {
    case 0:
    case 1:
      worker.Die(random_.Between(absl::Milliseconds(1), absl::Seconds(8)));
      break;
    case 2:
      worker.Hang(random_.Between(absl::Milliseconds(10), absl::Seconds(25)));
      break;
    case 3:
      worker.SetSlowness(random_.Chance(50) ? 1 : 10);
      break;
    case 4:
      worker.Leave();
      break;
    case 5:
    case 6:
      worker.RepeatItself();
      break;
    default:
      Drain(worker.name(), random_.Chance(60));
  }
}

// Those that run services, mostly for so short that the services are adopted.
void World::KillKeepers() {
  if (calm_) return;
  std::vector<SimWorker*> keepers;
  for (const auto& worker : workers_) {
    if (worker->runs_services()) keepers.push_back(worker.get());
  }
  if (!keepers.empty()) {
    folders_.OneOf(keepers)->Die(folders_.Between(
        absl::Milliseconds(1),
        folders_.Chance(80) ? absl::Milliseconds(800) : absl::Seconds(8)));
  }
  clock_.After(folders_.Between(absl::ZeroDuration(), absl::Seconds(3)),
               [this] { KillKeepers(); });
}

void World::Drain(const std::string& worker, bool undo) {
  if (!daemon_.up()) return;
  DrainWorkerEvent drain;
  drain.worker = worker;
  drain.undo = undo;
  static_cast<void>(daemon_.inbox().TryCall(
      std::move(drain), [](const server::Answer&, const server::View*) {}));
  daemon_.Poke();
}

// Until it has been heard, for tasks that no other worker may run.
void World::KeepUndrained() {
  Drain(kAlwaysThere, /*undo=*/true);
  clock_.After(absl::Seconds(5), [this] { KeepUndrained(); });
}

void World::DisturbNetwork() {
  SimWorker& worker = AnyWorker();
  SimClient& client = AnyClient();
  const absl::Duration length = random_.Between(
      absl::Milliseconds(10),
      random_.Chance(30) ? absl::Seconds(20) : absl::Seconds(2));
  switch (random_.Below(7)) {
    case 0:
    case 1:
      worker.BreakStream();
      break;
    case 2:
      client.BreakStreams();
      break;
    case 3:
      worker.wire().cut_until = clock_.now() + length;
      break;
    case 4:
      client.wire().cut_until = clock_.now() + length;
      break;
    case 5:
      worker.wire().latency = random_.OneOf<absl::Duration>(
          {absl::Milliseconds(1), absl::Milliseconds(50), absl::Seconds(1)});
      break;
    default:
      worker.DialAgain(length);
  }
}

void World::Calm() {
  oracle_.Tell("world: no faults any more");
  calm_ = true;
  SimDisk& disk = daemon_.disk();
  disk.SetCapacity(UINT64_MAX);
  disk.FailSyncs(0);
  disk.FailWrites(0);
  if (liar_ != nullptr) liar_->Stop();
  AddWorker(true);
  for (const auto& worker : workers_) worker->Calm();
  for (const auto& client : clients_) client->Calm();
  KeepUndrained();
}

bool World::Finished() const {
  if (!daemon_.up() || daemon_.stalled()) return false;
  for (const auto& client : clients_) {
    if (!client->done()) return false;
  }
  for (const auto& [number, run] : daemon_.view().engine.runs()) {
    if (!IsEnded(run->state())) return false;
  }
  for (const auto& worker : workers_) {
    if (!worker->idle()) return false;
  }
  return daemon_.view().engine.idle();
}

// Why it is not over.
void World::CheckEnd() {
  if (!Finished()) {
    std::string why = "after " + absl::FormatDuration(kBound) +
                      " without faults it is not over:";
    if (!daemon_.up()) {
      why += " the daemon is down";
    } else {
      if (daemon_.stalled()) why += " the daemon is stalled";
      for (const auto& [number, run] : daemon_.view().engine.runs()) {
        if (IsEnded(run->state())) continue;
        why += fmt::format(" {} is {}", run->spec().run_id, Name(run->state()));
        for (TaskIndex i = 0; i < run->blueprint().size(); ++i) {
          const TaskState state = run->task(i).state;
          if (IsOutcome(state)) continue;
          why += fmt::format(" t{}={}", i, Name(state));
        }
      }
    }
    for (const auto& client : clients_) why += client->Pending();
    for (const auto& worker : workers_) {
      if (!worker->idle()) why += " worker " + worker->name() + " is busy";
    }
    oracle_.Fault(why);
    return;
  }
  oracle_.CheckPromises(daemon_.view());
  oracle_.CheckNothingRuns();
}

}  // namespace w2t::sim
