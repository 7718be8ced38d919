// Faults found in a graph or a request, each with what a person needs to mend
// it and what a program needs to point at it.
#ifndef W2T_DIAGNOSTIC_H_
#define W2T_DIAGNOSTIC_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace w2t {

// Kinds of fault. The values are those of w2t.v1.DiagnosticCode.
enum class DiagnosticCode : uint8_t {
  kMissingField = 1,
  kInvalidValue = 2,
  kDuplicateTask = 3,
  kUnknownDependency = 4,
  kDuplicateDependency = 5,
  kSelfDependency = 6,
  kCycle = 7,
  kLimitExceeded = 8,
  kEmptyGraph = 9,
  kNeverReady = 10,
  kTriggerTooLarge = 11,
  kNotFound = 12,
  kConflict = 13,
};

// One fault. Only the fields that its code speaks of are set.
struct Diagnostic {
  static constexpr uint32_t kNone = UINT32_MAX;

  DiagnosticCode code = DiagnosticCode::kInvalidValue;
  std::string message;          // lower case, names the thing
  std::string field;            // "graph.tasks[3].depends_on[0].task"
  uint32_t task = kNone;        // index of the task at fault
  uint32_t dependency = kNone;  // position in its depends_on
  std::string task_name;
  std::vector<std::string> path;  // a cycle, first name repeated at the end
  std::string suggestion;         // the name probably meant
  std::string limit_name;
  uint64_t limit = 0;
  uint64_t value = 0;
};

// All faults of one subject: keeps the first kMaxListed, counts the rest.
class Diagnostics {
 public:
  static constexpr size_t kMaxListed = 100;

  void Add(Diagnostic diagnostic);
  // A bound was exceeded: "`what` is `value`; the limit `limit_name` is ...".
  void AddLimit(std::string_view what, std::string_view field,
                std::string_view limit_name, uint64_t limit, uint64_t value);
  // Counts faults that nobody spelled out, because the list is full.
  void AddUnlisted(size_t faults) { total_ += faults; }

  bool full() const { return listed_.size() >= kMaxListed; }
  bool empty() const { return total_ == 0; }
  size_t total() const { return total_; }
  const std::vector<Diagnostic>& listed() const { return listed_; }

  // The messages in one line, for a status: "3 faults: a; b; c".
  std::string Summary() const;

 private:
  std::vector<Diagnostic> listed_;
  size_t total_ = 0;
};

}  // namespace w2t

#endif  // W2T_DIAGNOSTIC_H_
