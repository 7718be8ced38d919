// ManualHost: a host on which nothing happens by itself, for tests.
//
//   ManualHost host;
//   Execution run = Executor(host).Start(std::move(graph));
//   host.RunOne();                      // one task
//   host.Advance(absl::Seconds(5));     // and what is due then
//   host.RunAll();
//   Result result = run.Wait();         // is done
#ifndef W2T_FLOW_MANUAL_HOST_H_
#define W2T_FLOW_MANUAL_HOST_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <utility>

#include "absl/time/time.h"
#include "w2t/flow/host.h"

namespace w2t::flow {

// Runs one task in each job, in an order that depends on the graph alone. Its
// time passes only in Advance. Not thread-safe, unlike other hosts.
class ManualHost : public Host {
 public:
  void Post(Job job) override { jobs_.push_back(std::move(job)); }
  void PostAfter(absl::Duration delay, Job job) override {
    timers_.emplace(std::pair(now_ + delay, ++last_timer_), std::move(job));
  }
  uint32_t slice() const override { return 1; }

  // Jobs that are ready to be run.
  size_t ready() const { return jobs_.size(); }
  // Since its beginning.
  absl::Duration now() const { return now_; }
  // How long until the next timer; infinite without one.
  absl::Duration UntilNextTimer() const;

  // Runs the first job. False when there is none.
  bool RunOne();
  // Runs jobs until there are none; returns how many there were. Jobs that run
  // for ever are not noticed.
  size_t RunAll();
  // Lets time pass, running jobs as they become due.
  void Advance(absl::Duration duration);

 private:
  std::deque<Job> jobs_;
  std::map<std::pair<absl::Duration, uint64_t>, Job> timers_;
  uint64_t last_timer_ = 0;
  absl::Duration now_;
};

}  // namespace w2t::flow

#endif  // W2T_FLOW_MANUAL_HOST_H_
