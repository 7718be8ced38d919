// Executor: runs flow graphs.
//
//   Executor(4).Run(graph)                truly parallel, on threads of its own
//   Executor::Cooperative().Run(graph)    on this thread; what waits makes way
//   Executor::OneAtATime().Run(graph)     on this thread, each task to its end
//   Executor(host).Start(graph)           wherever the caller's host runs
//   things
//
// Every mode starts a task as soon as what it waits for is there; steps are no
// barriers. On one thread tasks start in the order in which they became ready,
// and those that were ready together in the order in which they were added.
#ifndef W2T_FLOW_EXECUTOR_H_
#define W2T_FLOW_EXECUTOR_H_

#include <cstdint>
#include <memory>
#include <stop_token>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "w2t/blueprint.h"
#include "w2t/flow/graph.h"
#include "w2t/flow/host.h"
#include "w2t/flow/result.h"
#include "w2t/flow/state.h"

namespace w2t::flow {

namespace internal {
class RunState;
class ThreadLoop;
}  // namespace internal

template <typename... Tasks>
class StaticBlueprint;
template <typename... Tasks>
class StaticResult;

// Told what happens, on the threads that run the tasks, several at once.
class Observer {
 public:
  virtual ~Observer() = default;
  // Its body is about to be called. Again for each attempt.
  virtual void OnStarted(const Blueprint&, TaskIndex) {}
  // It has come to its end, or was skipped or cancelled.
  virtual void OnFinished(const Blueprint&, TaskIndex, TaskState,
                          const absl::Status&) {}
};

// What a failure means for the tasks that do not depend on it.
enum class OnFailure : uint8_t {
  kFinish,  // they run
  kCancel,  // those that have not started are cancelled, the others are asked
            // to stop
};

struct RunOptions {
  OnFailure on_failure = OnFailure::kFinish;
  // Stops the run: what has not started is cancelled, bodies see it in their
  // own std::stop_token, and Sleep ends at once. A run ends when its bodies
  // have.
  std::stop_token stop;
  // Stops it after this long.
  absl::Duration deadline = absl::InfiniteDuration();
  // Outlives the run. May be null.
  Observer* observer = nullptr;
  // Keeps when each task ran, which costs two readings of the clock a task.
  bool timings = false;
};

// A run that has been started. One thread at a time.
class Execution {
 public:
  Execution(Execution&&) noexcept;
  Execution& operator=(Execution&&) noexcept;
  // Stops the run and waits for its end.
  ~Execution();

  bool done() const;
  void RequestStop();
  // Waits for its end. Once. In the modes of the current thread, runs it.
  Result Wait();

 private:
  friend class Executor;
  Execution(std::shared_ptr<internal::RunState> run,
            std::unique_ptr<internal::ThreadLoop> loop);

  std::shared_ptr<internal::RunState> run_;
  std::unique_ptr<internal::ThreadLoop> loop_;
};

// Thread-safe. Outlives its runs.
class Executor {
 public:
  // With so many threads of its own, 1 to 64; others count as the nearest.
  explicit Executor(int threads);
  // On the threads of `host`, which outlives it.
  explicit Executor(Host& host);
  static Executor Cooperative();
  static Executor OneAtATime();
  Executor(Executor&&) noexcept;
  Executor& operator=(Executor&&) noexcept;
  ~Executor();

  // Runs a graph to its end. Not to be called by a task on its own executor.
  Result Run(Graph graph, RunOptions options = {});
  // The same with a blueprint made at compile time: w2t/flow/static.h.
  template <typename... Tasks>
  StaticResult<Tasks...> Run(const StaticBlueprint<Tasks...>& blueprint,
                             RunOptions options = {});
  // Begins to. On a host of one thread, nothing may block that thread then.
  Execution Start(Graph graph, RunOptions options = {});

 private:
  enum class Mode : uint8_t { kHost, kCooperative, kOneAtATime };
  explicit Executor(Mode mode) : mode_(mode) {}

  Mode mode_;
  std::unique_ptr<Host> pool_;  // null: not its own
  Host* host_ = nullptr;        // null: the calling thread
};

}  // namespace w2t::flow

#endif  // W2T_FLOW_EXECUTOR_H_
