#include "tests/e2e/chaos/fleet.h"

#include <signal.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

#include "fmt/format.h"
#include "tests/e2e/chaos/marks.h"
#include "tests/support/programs.h"
#include "tests/support/rpc.h"

namespace w2t::chaos {
namespace {

constexpr std::chrono::seconds kComeBack{60};
// How long what a killed worker ran may outlive it.
constexpr std::chrono::seconds kGone{10};

void SleepMs(int ms) {
  std::this_thread::sleep_for(std::chrono::milliseconds(ms));
}

// Services outlive their worker, and with them the process that looks after
// them until the next worker comes.
bool MayOutlive(pid_t pid) {
  std::ifstream file(fmt::format("/proc/{}/cmdline", pid), std::ios::binary);
  const std::string words((std::istreambuf_iterator<char>(file)), {});
  const std::string service("\0service\0", 9);
  return words.find(service) != std::string::npos ||
         words.starts_with(test::WorkerPath());
}

std::vector<pid_t> LeftTasks() {
  std::vector<pid_t> left = test::Orphans();
  std::erase_if(left, MayOutlive);
  return left;
}

double MsSince(int64_t ns) {
  return static_cast<double>(MonotonicNs() - ns) / 1e6;
}

}  // namespace

Fleet::Fleet(const test::TempDir& dir, int workers, uint64_t seed,
             uint64_t tail_bytes, Findings* findings)
    : dir_(dir),
      dice_(seed),
      tail_bytes_(tail_bytes),
      findings_(*findings),
      address_("unix:" + (dir / "w2td.sock")),
      stub_(v1::AdminService::NewStub(test::Dial(address_))) {
  for (int i = 0; i < workers; ++i) {
    workers_.push_back(
        {.name = fmt::format("w{}", i), .max_leases = dice_.Between(3, 12)});
  }
}

void Fleet::Start() {
  StartDaemon();
  for (Worker& worker : workers_) StartWorker(worker);
  Settle();
}

void Fleet::StartDaemon() {
  std::filesystem::remove(dir_ / "address");
  daemon_start_ns_ = MonotonicNs();
  daemon_ = std::make_unique<test::Process>(test::ProcessOptions{
      .argv = {test::DaemonPath(), "--listen", address_, "--data", data(),
               "--address-file", dir_ / "address", "--reattach-window", "5s",
               "--limit", fmt::format("max_lost_attempts={}", kMaxLostAttempts),
               "--limit",
               fmt::format("max_journal_tail_bytes={}", tail_bytes_)}});
}

void Fleet::StartWorker(Worker& worker) {
  worker.process = test::StartWorker(
      address_,
      {.name = worker.name,
       .slots = 3,
       .flags = {"--max-leases", fmt::format("{}", worker.max_leases)},
       .state = dir_ / ("state-" + worker.name)});
}

void Fleet::RequireRunning(const test::Process& process,
                           std::string_view name) {
  if (process.running()) return;
  findings_.Add("{} ended by itself: {}", name, process.err());
}

void Fleet::KillDaemon(std::string_view why) {
  RequireRunning(*daemon_, "w2td");
  daemon_->Kill();
  findings_.Count(fmt::format("kills: {}", why));
}

void Fleet::KillWorker(Worker& worker) {
  RequireRunning(*worker.process, worker.name);
  deaths_.push_back({.worker = worker.name, .kill_ns = MonotonicNs()});
  worker.process->Kill();
  findings_.Count("kills: a worker");
}

bool Fleet::WaitUntilServing() {
  const bool serves = test::Eventually(
      [this] {
        return std::filesystem::exists(dir_ / "address") || !daemon_->running();
      },
      kComeBack);
  if (!serves || !daemon_->running()) {
    findings_.Add("w2td does not come back: {}", daemon_->err());
    return false;
  }
  findings_.Took("daemon: start until it serves", MsSince(daemon_start_ns_));
  return true;
}

bool Fleet::WaitUntilWhole() {
  if (!WaitUntilServing()) return false;
  const bool whole = test::Eventually(
      [this] {
        grpc::ClientContext context;
        context.set_deadline(std::chrono::system_clock::now() +
                             std::chrono::seconds(5));
        v1::ListWorkersResponse response;
        if (!stub_->ListWorkers(&context, {}, &response).ok()) return false;
        size_t online = 0;
        for (const auto& worker : response.workers()) {
          online += worker.state() == v1::WORKER_STATE_ONLINE ? 1 : 0;
        }
        return online == workers_.size();
      },
      kComeBack);
  if (!whole) findings_.Add("not all workers come back to the daemon");
  return whole;
}

void Fleet::Settle() {
  WaitUntilTasksAreGone();
  WaitUntilWhole();
}

void Fleet::WaitUntilTasksAreGone() {
  if (!test::Eventually([] { return LeftTasks().empty(); }, kGone)) {
    findings_.Add("{} programs outlive the worker that ran them",
                  LeftTasks().size());
    test::KillOrphans();
  }
  for (WorkerDeath& death : deaths_) {
    if (death.gone_ns == 0) death.gone_ns = MonotonicNs();
  }
}

void Fleet::CheckNothingIsLeft() {
  if (test::Eventually([] { return test::Orphans().empty(); }, kGone)) return;
  findings_.Add("{} processes are left when all runs have ended",
                test::Orphans().size());
  test::KillOrphans();
}

int Fleet::StrikeDaemon() {
  int kills = 1;
  KillDaemon("the daemon");
  SleepMs(dice_.Chance(0.1) ? dice_.Between(500, 1'500) : dice_.Between(0, 40));
  StartDaemon();
  while (dice_.Chance(0.25)) {
    SleepMs(dice_.Between(0, 40));
    KillDaemon("the daemon, again while it starts");
    ++kills;
    StartDaemon();
  }
  return kills;
}

int Fleet::StrikeWorker(bool wait) {
  Worker& worker = workers_[dice_.Below(workers_.size())];
  KillWorker(worker);
  if (wait) {
    WaitUntilTasksAreGone();
    findings_.Took("worker: killed until its programs are gone",
                   MsSince(deaths_.back().kill_ns));
  }
  StartWorker(worker);
  return 1;
}

int Fleet::Strike() {
  SleepMs(dice_.Between(20, 500));
  const uint64_t kind = dice_.Below(100);
  int kills = 0;
  const int64_t begin_ns = MonotonicNs();
  if (kind < 40) {
    kills = StrikeDaemon();
  } else if (kind < 70) {
    kills = StrikeWorker(dice_.Chance(0.5));
  } else if (kind < 90) {
    // Both, in either order, close together.
    const bool daemon_first = dice_.Chance(0.5);
    if (daemon_first) kills += StrikeDaemon();
    SleepMs(dice_.Between(0, 5));
    kills += StrikeWorker(false);
    if (!daemon_first) kills += StrikeDaemon();
  } else {
    KillDaemon("the daemon");
    for (Worker& worker : workers_) KillWorker(worker);
    kills = 1 + static_cast<int>(workers_.size());
    StartDaemon();
    for (Worker& worker : workers_) StartWorker(worker);
  }
  // Some faults meet a fleet that has not recovered from the last ones.
  if (dice_.Chance(0.75)) {
    if (WaitUntilWhole()) {
      findings_.Took("fleet: first kill until all workers are back",
                     MsSince(begin_ns));
    }
    WaitUntilTasksAreGone();
  }
  return kills;
}

void Fleet::EndDaemon() { daemon_->Kill(); }

void Fleet::RestartDaemon() {
  StartDaemon();
  WaitUntilServing();
}

void Fleet::StopDaemon() {
  daemon_->Signal(SIGTERM);
  const test::ExitStatus status = daemon_->WaitForExit();
  if (status.code != 0) {
    findings_.Add("w2td ends with {}: {}", status.ToString(), daemon_->err());
  }
}

}  // namespace w2t::chaos
