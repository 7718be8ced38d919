// What a task says of itself, in the protocol of systemd's sd_notify. Pure.
#ifndef W2T_CLIENT_WORKER_PROBE_NOTIFICATION_H_
#define W2T_CLIENT_WORKER_PROBE_NOTIFICATION_H_

#include <sys/types.h>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "absl/time/time.h"

namespace w2t::worker {

// A longer datagram is no notification.
inline constexpr size_t kMaxNotificationBytes = 4096;
inline constexpr size_t kMaxNotifiedStatusBytes = 160;

// One datagram.
struct Notification {
  bool ready = false;                    // READY=1
  bool stopping = false;                 // STOPPING=1
  bool alive = false;                    // WATCHDOG=1
  bool unwell = false;                   // WATCHDOG=trigger
  std::optional<pid_t> main_pid;         // MAINPID, more than 0
  std::optional<absl::Duration> extend;  // EXTEND_TIMEOUT_USEC
  std::optional<std::string> status;     // STATUS, printable, cut short
};

// Lines that are not known, or make no sense, are passed over.
Notification ParseNotification(std::string_view datagram);

}  // namespace w2t::worker

#endif  // W2T_CLIENT_WORKER_PROBE_NOTIFICATION_H_
