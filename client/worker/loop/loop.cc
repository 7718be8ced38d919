#include "client/worker/loop/loop.h"

#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

namespace w2t::worker {

namespace {

constexpr int kMaxEvents = 128;
// No watch has it: the loop's own eventfd.
constexpr WatchId kWakeup = 0;
// Far from what the clock's nanoseconds can hold, and longer than any timeout.
constexpr absl::Duration kLongestDelay = absl::Hours(24 * 1000);

}  // namespace

absl::StatusOr<std::unique_ptr<Loop>> Loop::Create() {
  UniqueFd epoll(epoll_create1(EPOLL_CLOEXEC));
  if (!epoll) {
    return absl::ResourceExhaustedError(
        fmt::format("epoll_create1: {}", std::strerror(errno)));
  }
  UniqueFd wakeup(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wakeup) {
    return absl::ResourceExhaustedError(
        fmt::format("eventfd: {}", std::strerror(errno)));
  }
  epoll_event event{.events = EPOLLIN, .data = {.u64 = kWakeup}};
  if (epoll_ctl(epoll.get(), EPOLL_CTL_ADD, wakeup.get(), &event) != 0) {
    return absl::InternalError(
        fmt::format("epoll_ctl: {}", std::strerror(errno)));
  }
  return std::unique_ptr<Loop>(new Loop(std::move(epoll), std::move(wakeup)));
}

Loop::Loop(UniqueFd epoll, UniqueFd wakeup)
    : epoll_(std::move(epoll)), wakeup_(std::move(wakeup)) {}

Loop::~Loop() = default;

void Loop::Run() {
  std::array<epoll_event, kMaxEvents> events;
  for (;;) {
    RunPosted();
    FireTimers();
    {
      absl::MutexLock lock(&mutex_);
      if (stopped_ && posted_.empty()) return;
    }
    const int count =
        epoll_wait(epoll_.get(), events.data(), kMaxEvents, WaitMillis());
    {
      absl::MutexLock lock(&mutex_);
      sleeping_ = false;
    }
    for (int i = 0; i < count; ++i) {
      const WatchId watch = events[i].data.u64;
      if (watch == kWakeup) {
        uint64_t woken = 0;
        [[maybe_unused]] const ssize_t got =
            read(wakeup_.get(), &woken, sizeof(woken));
        continue;
      }
      const auto it = watches_.find(watch);
      if (it == watches_.end()) continue;
      const std::shared_ptr<Watched> watched = it->second;
      watched->handler(events[i].events);
    }
  }
}

void Loop::Stop() {
  absl::MutexLock lock(&mutex_);
  stopped_ = true;
  Wake();
}

void Loop::Post(Task task) {
  absl::MutexLock lock(&mutex_);
  posted_.push_back(std::move(task));
  Wake();
}

TimerId Loop::After(absl::Duration delay, Task task) {
  const TimePoint when = std::chrono::steady_clock::now() +
                         absl::ToChronoNanoseconds(std::clamp(
                             delay, absl::ZeroDuration(), kLongestDelay));
  absl::MutexLock lock(&mutex_);
  const TimerId id = ++last_timer_;
  timers_.emplace(std::pair(when, id), std::move(task));
  due_.emplace(id, when);
  if (timers_.begin()->first.second == id) Wake();
  return id;
}

void Loop::Cancel(TimerId timer) {
  std::optional<Task> dropped;  // destroyed without the mutex
  absl::MutexLock lock(&mutex_);
  const auto it = due_.find(timer);
  if (it == due_.end()) return;
  const auto entry = timers_.find(std::pair(it->second, timer));
  dropped = std::move(entry->second);
  timers_.erase(entry);
  due_.erase(it);
}

absl::StatusOr<WatchId> Loop::Watch(int fd, uint32_t events, Handler handler) {
  const WatchId id = ++last_watch_;
  epoll_event event{.events = events, .data = {.u64 = id}};
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) {
    return absl::ResourceExhaustedError(
        fmt::format("epoll_ctl: {}", std::strerror(errno)));
  }
  watches_.emplace(id,
                   std::make_shared<Watched>(Watched{fd, std::move(handler)}));
  return id;
}

void Loop::Unwatch(WatchId watch) {
  const auto it = watches_.find(watch);
  if (it == watches_.end()) return;
  epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, it->second->fd, nullptr);
  watches_.erase(it);
}

void Loop::Wake() {
  mutex_.AssertHeld();
  // Who does not sleep looks before it does, so its own thread wakes nobody.
  if (!std::exchange(sleeping_, false)) return;
  const uint64_t one = 1;
  // A full counter wakes as well.
  [[maybe_unused]] const ssize_t written =
      write(wakeup_.get(), &one, sizeof(one));
}

void Loop::RunPosted() {
  std::vector<Task> tasks;
  {
    absl::MutexLock lock(&mutex_);
    tasks.swap(posted_);
  }
  for (Task& task : tasks) task();
}

void Loop::FireTimers() {
  const TimePoint now = std::chrono::steady_clock::now();
  for (;;) {
    Task task;
    {
      absl::MutexLock lock(&mutex_);
      const auto first = timers_.begin();
      if (first == timers_.end() || first->first.first > now) return;
      task = std::move(first->second);
      due_.erase(first->first.second);
      timers_.erase(first);
    }
    task();
  }
}

int Loop::WaitMillis() {
  absl::MutexLock lock(&mutex_);
  if (!posted_.empty() || stopped_) return 0;
  sleeping_ = true;
  if (timers_.empty()) return -1;
  const auto wait =
      timers_.begin()->first.first - std::chrono::steady_clock::now();
  const auto millis =
      std::chrono::ceil<std::chrono::milliseconds>(wait).count();
  constexpr int64_t kLongest = 60'000;
  return static_cast<int>(std::clamp<int64_t>(millis, 0, kLongest));
}

}  // namespace w2t::worker
