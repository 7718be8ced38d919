// What the journal says, read without the engine: an own account of attempts
// that finds what no history may hold.
#ifndef W2T_TESTS_E2E_CHAOS_JOURNAL_BOOK_H_
#define W2T_TESTS_E2E_CHAOS_JOURNAL_BOOK_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/engine/fact.h"
#include "tests/e2e/chaos/findings.h"
#include "w2t/v1/graph.pb.h"

namespace w2t::chaos {

// One attempt, as recorded.
struct RecordedAttempt {
  uint32_t worker = 0;
  uint64_t fence = 0;
  bool started = false;
  bool up = false;
  bool ended = false;
  TaskState outcome = TaskState::kUnspecified;  // kLost: with its worker
  int32_t exit_code = 0;
};

struct RecordedRun {
  std::string run_id;
  std::string request_id;
  v1::Graph graph;
  std::map<std::string, uint32_t> index;            // by name
  std::vector<std::vector<uint32_t>> dependents;    // that need its outcome
  std::vector<std::vector<RecordedAttempt>> tasks;  // attempt n at n - 1
};

class JournalBook {
 public:
  explicit JournalBook(Findings* findings) : findings_(*findings) {}

  void Fold(uint64_t number, const FactBatch& batch);
  // Everything has ended: no attempt may be open.
  void CheckAllEnded();

  const std::map<uint64_t, RecordedRun>& runs() const { return runs_; }
  const std::string& WorkerName(uint32_t number) const {
    return workers_.at(number).name;
  }

 private:
  struct Worker {
    std::string name;
    std::map<uint64_t, std::pair<uint64_t, uint32_t>> holds;  // by fence
  };

  void FoldFact(const EpochStarted& fact);
  void FoldFact(const RunAccepted& fact);
  void FoldFact(const RunEvicted& fact);
  void FoldFact(const WorkerJoined& fact);
  void FoldFact(const WorkerLeft& fact);
  void FoldFact(const Leased& fact);
  void FoldFact(const Reported& fact);
  void FoldFact(const LeasesLost& fact);
  // All others say nothing of attempts.
  template <typename Other>
  void FoldFact(const Other&) {}

  void Lease(uint32_t worker, const LeaseRef& lease);
  void Report(uint32_t worker, const LeaseRef& lease, TaskState state,
              int32_t exit_code);
  void End(uint32_t worker, const LeaseRef& lease, TaskState outcome,
           int32_t exit_code);
  // Null, and a fault, when the journal has never leased it.
  RecordedAttempt* Find(const LeaseRef& lease);
  void CheckConditions(const RecordedRun& run, uint32_t task, bool begins);
  bool IsAwaited(const RecordedRun& run, const v1::Dependency& edge,
                 const RecordedAttempt& own, bool begins) const;
  void CheckDependents(const RecordedRun& run, uint32_t task);
  bool Holds(const RecordedRun& run, const v1::Dependency& edge) const;
  std::string NameOf(const LeaseRef& lease) const;

  Findings& findings_;
  uint64_t batch_ = 0;
  uint64_t epoch_ = 0;
  uint64_t last_fence_ = 0;
  std::map<uint64_t, RecordedRun> runs_;
  std::map<std::string, uint64_t> by_request_;
  std::map<uint32_t, Worker> workers_;
};

}  // namespace w2t::chaos

#endif  // W2T_TESTS_E2E_CHAOS_JOURNAL_BOOK_H_
