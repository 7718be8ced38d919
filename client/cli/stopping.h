// What a run that stops still waits for.
#ifndef W2T_CLIENT_CLI_STOPPING_H_
#define W2T_CLIENT_CLI_STOPPING_H_

#include <map>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "w2t/v1/run.pb.h"

namespace w2t::cli {

// Remembers since when each task has been stopping, as far as it was told. Not
// thread-safe.
class StoppingTasks {
 public:
  // One line: "stopping api on w1 (3.2s so far); db waits for api". `held`
  // are the tasks that workers still have. Empty when there is nothing to say,
  // and, unless it is `live`, when it is not time yet: it is said after 1 s,
  // and the same again after 2, 4, 8 ... seconds.
  std::string Tell(const std::vector<v1::TaskStatus>& held, absl::Time now,
                   bool live);

 private:
  std::map<std::string, absl::Time> since_;
  std::string told_;  // without its times
  absl::Duration told_after_ = absl::ZeroDuration();
};

}  // namespace w2t::cli

#endif  // W2T_CLIENT_CLI_STOPPING_H_
