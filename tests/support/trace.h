// What a run's events say about the order in which things happened. Order is
// robust where time is not.
#ifndef W2T_TESTS_SUPPORT_TRACE_H_
#define W2T_TESTS_SUPPORT_TRACE_H_

#include <cstdint>
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/rpc.h"

namespace w2t::test {

// All events of a run that has ended. Sequence numbers; 0 for what never was.
class Trace {
 public:
  Trace(RpcClient& client, const std::string& address,
        const std::string& run_id);

  // When it had started for the first time: that it runs, or has ended.
  uint64_t Started(std::string_view task) const;
  // When it had its outcome.
  uint64_t Ended(std::string_view task) const;
  uint64_t FirstSeq(std::string_view task, v1::TaskState state) const;
  // How often it has started.
  int Attempts(std::string_view task) const;
  v1::TaskState Outcome(std::string_view task) const;
  // The time of FirstSeq and of Ended, in microseconds since 1970.
  int64_t FirstTimeUs(std::string_view task, v1::TaskState state) const;
  int64_t EndTimeUs(std::string_view task) const;

  // True when `first` had ended before `then` had started.
  bool Before(std::string_view first, std::string_view then) const;
  // The same for each and the next one.
  bool InOrder(std::initializer_list<std::string_view> tasks) const;

  // The names of tasks in the order of their outcomes, for messages.
  std::string ToString() const;

 private:
  std::vector<WatchedEvent> events_;
};

}  // namespace w2t::test

#endif  // W2T_TESTS_SUPPORT_TRACE_H_
