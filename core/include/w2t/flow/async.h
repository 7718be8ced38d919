// Async<T>: a coroutine that is a task's body, or a part of one.
//
//   Async<double> Mean(int a, int b) {
//     co_await Sleep(absl::Milliseconds(100));
//     co_return (a + b) / 2.0;
//   }
//
// It starts when it is awaited, or when its task starts. While it waits, other
// tasks run on its thread; it may go on on another thread of the same executor.
// Not to be awaited from anything but another Async of the same task.
//
// g++ 12 miscompiles some expressions with co_await: it destroys a temporary
// twice, or uses it after its end. Give a lambda or an aggregate that is part
// of such an expression a name on a line of its own first.
#ifndef W2T_FLOW_ASYNC_H_
#define W2T_FLOW_ASYNC_H_

#include <chrono>
#include <coroutine>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"
#include "w2t/flow/internal/fiber.h"

namespace w2t::flow {

template <typename T>
class Async;

namespace internal {

struct PromiseBase {
  struct FinalAwaiter {
    bool await_ready() noexcept { return false; }
    template <typename Promise>
    std::coroutine_handle<> await_suspend(
        std::coroutine_handle<Promise> done) noexcept {
      PromiseBase& promise = done.promise();
      if (promise.awaiting) return promise.awaiting;
      promise.fiber->Ended();
      return std::noop_coroutine();
    }
    void await_resume() noexcept {}
  };

  std::suspend_always initial_suspend() noexcept { return {}; }
  FinalAwaiter final_suspend() noexcept { return {}; }
  void unhandled_exception() noexcept { thrown = std::current_exception(); }

  Fiber* fiber = nullptr;            // set before it starts
  std::coroutine_handle<> awaiting;  // goes on after it; none: it is the body
  std::exception_ptr thrown;
};

template <typename T>
struct Promise : PromiseBase {
  Async<T> get_return_object() noexcept;
  template <typename U>
  void return_value(U&& value) {
    result.emplace(std::forward<U>(value));
  }
  T Take() {
    if (thrown) std::rethrow_exception(thrown);
    return *std::move(result);
  }

  std::optional<T> result;
};

template <>
struct Promise<void> : PromiseBase {
  Async<void> get_return_object() noexcept;
  void return_void() noexcept {}
  void Take() {
    if (thrown) std::rethrow_exception(thrown);
  }
};

// Waits for another Async.
template <typename T>
struct ChildAwaiter {
  bool await_ready() const noexcept { return false; }
  template <typename Outer>
  std::coroutine_handle<> await_suspend(
      std::coroutine_handle<Outer> outer) noexcept {
    child.promise().fiber = outer.promise().fiber;
    child.promise().awaiting = outer;
    return child;
  }
  T await_resume() { return child.promise().Take(); }

  std::coroutine_handle<Promise<T>> child;
};

}  // namespace internal

template <typename T = void>
class [[nodiscard]] Async {
 public:
  using promise_type = internal::Promise<T>;
  using Handle = std::coroutine_handle<promise_type>;

  explicit Async(Handle handle) noexcept : handle_(handle) {}
  Async(Async&& other) noexcept : handle_(std::exchange(other.handle_, {})) {}
  Async& operator=(Async&& other) noexcept {
    if (this != &other) {
      if (handle_) handle_.destroy();
      handle_ = std::exchange(other.handle_, {});
    }
    return *this;
  }
  ~Async() {
    if (handle_) handle_.destroy();
  }

  // co_await: runs it to its end. What it throws comes out here.
  auto operator co_await() && noexcept {
    return internal::ChildAwaiter<T>{handle_};
  }

  // For those that run tasks.
  Handle handle() const { return handle_; }

 private:
  Handle handle_;
};

template <typename T>
Async<T> internal::Promise<T>::get_return_object() noexcept {
  return Async<T>(std::coroutine_handle<Promise<T>>::from_promise(*this));
}
inline Async<void> internal::Promise<void>::get_return_object() noexcept {
  return Async<void>(std::coroutine_handle<Promise<void>>::from_promise(*this));
}

// Lets a waiting Async go on: once, from any thread, whether it waits already
// or is only about to. Further calls, also late ones, do nothing. Copies stand
// for the same wait.
class Resumer {
 public:
  Resumer(internal::Runner* runner, uint32_t task, uint64_t wait)
      : runner_(runner->shared_from_this()), task_(task), wait_(wait) {}
  void Resume() const { runner_->Resume(task_, wait_); }

 private:
  std::shared_ptr<internal::Runner> runner_;
  uint32_t task_;
  uint64_t wait_;
};

// co_await Suspend(f): waits until somebody calls Resume of what f is given.
// The way to wait for anything that calls back. f is called once and must not
// throw.
class [[nodiscard]] Suspend {
 public:
  explicit Suspend(absl::AnyInvocable<void(Resumer)> begin)
      : begin_(std::move(begin)) {}

  bool await_ready() const noexcept { return false; }
  template <typename Promise>
  void await_suspend(std::coroutine_handle<Promise> waiting) {
    internal::Fiber& fiber = *waiting.promise().fiber;
    // From the call on, this may be gone.
    absl::AnyInvocable<void(Resumer)> begin = std::move(begin_);
    const uint64_t wait = fiber.BeginWait(waiting);
    begin(Resumer(fiber.runner, fiber.task, wait));
  }
  void await_resume() const noexcept {}

 private:
  absl::AnyInvocable<void(Resumer)> begin_;
};

// co_await Sleep(d): goes on after `d`. True then; false, at once, when the run
// is stopped.
class Sleep {
 public:
  explicit Sleep(absl::Duration duration) : duration_(duration) {}
  template <typename Rep, typename Period>
  explicit Sleep(std::chrono::duration<Rep, Period> duration)
      : duration_(absl::FromChrono(duration)) {}

  bool await_ready() const noexcept { return false; }
  template <typename Promise>
  void await_suspend(std::coroutine_handle<Promise> waiting) {
    internal::Fiber& fiber = *waiting.promise().fiber;
    fiber_ = &fiber;
    // From BeginSleep on, this may be gone.
    const uint64_t wait = fiber.BeginWait(waiting);
    fiber.runner->ResumeAfter(fiber.task, wait, duration_);
  }
  bool await_resume() const noexcept { return !fiber_->runner->stopped(); }

 private:
  absl::Duration duration_;
  internal::Fiber* fiber_ = nullptr;
};

}  // namespace w2t::flow

#endif  // W2T_FLOW_ASYNC_H_
