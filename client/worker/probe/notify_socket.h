// NotifySocket: where one attempt says what it has to say of itself, in the
// protocol of systemd's sd_notify. Of the loop's thread.
#ifndef W2T_CLIENT_WORKER_PROBE_NOTIFY_SOCKET_H_
#define W2T_CLIENT_WORKER_PROBE_NOTIFY_SOCKET_H_

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "client/worker/loop/loop.h"
#include "client/worker/loop/unique_fd.h"
#include "client/worker/probe/notification.h"

namespace w2t::worker {

// A folder for sockets, in TMPDIR, for this user alone; gone with its owner.
// Made by the first that asks.
class NotifyFolder {
 public:
  NotifyFolder() = default;
  ~NotifyFolder();
  NotifyFolder(const NotifyFolder&) = delete;
  NotifyFolder& operator=(const NotifyFolder&) = delete;

  // A new path in it; empty when there is no folder to be had, or its path is
  // too long for a socket.
  std::string NewPath();

 private:
  std::string path_;
  bool tried_ = false;
  uint64_t last_ = 0;
};

class NotifySocket {
 public:
  struct Events {
    absl::AnyInvocable<void(const Notification&)> heard;
    // Somebody else said something: once, in words.
    absl::AnyInvocable<void(std::string)> refused;
  };

  // Longest path of a socket.
  static constexpr size_t kMaxPathBytes = 107;

  // With this name, which may be that of a socket whose process has ended.
  // Empty: with a path where the folder has one, else in the abstract
  // namespace. RESOURCE_EXHAUSTED.
  static absl::StatusOr<std::unique_ptr<NotifySocket>> Open(
      Loop* loop, NotifyFolder* folder, const std::string& name = "");
  ~NotifySocket();
  NotifySocket(const NotifySocket&) = delete;
  NotifySocket& operator=(const NotifySocket&) = delete;

  // The value of NOTIFY_SOCKET.
  const std::string& name() const { return name_; }
  // Listens to members of `group`, also to what they have said before. A
  // message whose sender is gone when it is read is refused, since nobody can
  // say who that was: senders wait, by sd_notify_barrier, or live on.
  void Start(pid_t group, Events events);
  // Hears what there is now.
  void Drain();

 private:
  NotifySocket(Loop* loop, UniqueFd fd, std::string path, std::string name);

  bool HearOne();

  Loop* const loop_;
  const UniqueFd fd_;
  const std::string path_;  // empty: abstract
  const std::string name_;
  pid_t group_ = 0;
  Events events_;
  bool has_refused_ = false;
  WatchId watch_ = 0;
};

}  // namespace w2t::worker

#endif  // W2T_CLIENT_WORKER_PROBE_NOTIFY_SOCKET_H_
