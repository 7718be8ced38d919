// The daemon and its workers, and what kills them.
#ifndef W2T_TESTS_E2E_CHAOS_FLEET_H_
#define W2T_TESTS_E2E_CHAOS_FLEET_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tests/e2e/chaos/findings.h"
#include "tests/e2e/chaos/workload.h"
#include "tests/support/process.h"
#include "tests/support/temp_dir.h"
#include "w2t/v1/admin_service.grpc.pb.h"

namespace w2t::chaos {

// None is ever lost for good, so that every outcome is the task's own.
inline constexpr uint64_t kMaxLostAttempts = 255;

// A worker's process was killed; what it ran ended with it, but for services.
struct WorkerDeath {
  std::string worker;
  int64_t kill_ns = 0;  // just before the signal
  int64_t gone_ns = 0;  // its tasks were seen to be gone; 0: not looked
};

// Of one thread, which must outlive it: its processes end with that thread.
class Fleet {
 public:
  // The daemon makes a snapshot once its journal has `tail_bytes`.
  Fleet(const test::TempDir& dir, int workers, uint64_t seed,
        uint64_t tail_bytes, Findings* findings);

  const std::string& address() const { return address_; }
  std::string data() const { return dir_ / "data"; }

  // Starts everything and waits until it is there.
  void Start();
  // One round of faults: one or more SIGKILLs, and everything is started again.
  // The number of kills.
  int Strike();
  // Ends the faults: waits until all is there.
  void Settle();
  // When every run has ended: no process is left, of a service or of whatever
  // looks after one.
  void CheckNothingIsLeft();
  // SIGKILL, not as a fault: what is on the disk may be looked at.
  void EndDaemon();
  // After EndDaemon; waits until it serves.
  void RestartDaemon();
  // SIGTERM to the daemon, which must end well.
  void StopDaemon();

  const std::vector<WorkerDeath>& deaths() const { return deaths_; }

 private:
  struct Worker {
    std::string name;
    int max_leases = 0;  // one that says something else is another worker
    std::unique_ptr<test::Process> process;
  };

  void StartDaemon();
  void StartWorker(Worker& worker);
  void KillDaemon(std::string_view why);
  void KillWorker(Worker& worker);
  void RequireRunning(const test::Process& process, std::string_view name);
  // False, and a fault, when it does not come back in time.
  bool WaitUntilServing();
  bool WaitUntilWhole();
  void WaitUntilTasksAreGone();
  int StrikeDaemon();
  int StrikeWorker(bool wait);

  const test::TempDir& dir_;
  Dice dice_;
  const uint64_t tail_bytes_;
  Findings& findings_;
  const std::string address_;
  std::unique_ptr<v1::AdminService::Stub> stub_;
  std::unique_ptr<test::Process> daemon_;
  int64_t daemon_start_ns_ = 0;
  std::vector<Worker> workers_;
  std::vector<WorkerDeath> deaths_;
};

}  // namespace w2t::chaos

#endif  // W2T_TESTS_E2E_CHAOS_FLEET_H_
