// Recorded workflows (WfFormat), read apart from the programs under test, and
// the bounds that any schedule of them keeps to.
#ifndef W2T_TESTS_SUPPORT_WORKFLOW_H_
#define W2T_TESTS_SUPPORT_WORKFLOW_H_

#include <cstddef>
#include <map>
#include <string>
#include <vector>

namespace w2t::test {

struct Workflow {
  struct Task {
    double seconds = 0;
    std::vector<std::string> parents;
  };
  std::map<std::string, Task> tasks;  // by id

  // Throws when the file is not what it should be.
  static Workflow Read(const std::string& path);

  size_t edges() const;
  size_t depth() const;
};

// With these lengths of the tasks, no schedule on `slots` ends before `lower`,
// and no list schedule after `upper` (R. L. Graham, "Bounds on multiprocessing
// timing anomalies", 1969).
struct Bounds {
  double sum = 0;
  double critical_path = 0;
  double lower = 0;  // max(critical path, sum / slots)
  double upper = 0;  // critical path + sum / slots
};
Bounds BoundsOf(const Workflow& workflow,
                const std::map<std::string, double>& lengths, int slots);

}  // namespace w2t::test

#endif  // W2T_TESTS_SUPPORT_WORKFLOW_H_
