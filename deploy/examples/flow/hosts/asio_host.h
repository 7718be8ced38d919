// AsioHost: runs graphs on the threads that run an asio::io_context.
//
//   asio::io_context context;
//   AsioHost host(context, 1);  // one thread calls context.run()
//   Execution run = Executor(host).Start(std::move(graph));
//   while (!run.done()) context.run_one();
//   const Result result = run.Wait();
//
// Wait blocks until the run has ended, so a thread that the context needs must
// not call it before that. Timers that a run no longer needs, like that of its
// deadline, keep the context busy until they are due or the host is destroyed.
#ifndef W2T_DEPLOY_EXAMPLES_FLOW_HOSTS_ASIO_HOST_H_
#define W2T_DEPLOY_EXAMPLES_FLOW_HOSTS_ASIO_HOST_H_

#include <w2t/flow/host.h>

#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <memory>
#include <mutex>
#include <set>
#include <utility>

// The context outlives it.
class AsioHost : public w2t::flow::Host {
 public:
  // `threads`: how many threads run the context.
  explicit AsioHost(asio::io_context& context, int threads = 1)
      : context_(context), threads_(threads) {}

  ~AsioHost() override {
    const std::lock_guard lock(timers_->mutex);
    for (const TimerPtr& timer : timers_->pending) timer->cancel();
  }

  void Post(Job job) override {
    asio::post(context_, [job = std::move(job)]() mutable { job(); });
  }

  void PostAfter(absl::Duration delay, Job job) override {
    auto timer = std::make_shared<asio::steady_timer>(
        context_, absl::ToChronoNanoseconds(delay));
    const std::lock_guard lock(timers_->mutex);
    timers_->pending.insert(timer);
    timer->async_wait([timers = timers_, timer, job = std::move(job)](
                          const asio::error_code& error) mutable {
      {
        const std::lock_guard lock(timers->mutex);
        timers->pending.erase(timer);
      }
      if (!error) job();
    });
  }

  int threads() const override { return threads_; }
  // So that what else the context does gets its turn.
  uint32_t slice() const override { return 64; }

 private:
  using TimerPtr = std::shared_ptr<asio::steady_timer>;
  // Handlers that are still on their way own it as well.
  struct Timers {
    std::mutex mutex;
    std::set<TimerPtr> pending;
  };

  asio::io_context& context_;
  const int threads_;
  const std::shared_ptr<Timers> timers_ = std::make_shared<Timers>();
};

#endif  // W2T_DEPLOY_EXAMPLES_FLOW_HOSTS_ASIO_HOST_H_
