#include "client/worker/probe/notification.h"

#include <algorithm>
#include <charconv>
#include <cstdint>

namespace w2t::worker {

namespace {

constexpr int64_t kLongestExtensionUs = int64_t{24} * 3600 * 1'000'000;

// 0 for what is no number above it.
int64_t ParsePositive(std::string_view text, int64_t most) {
  int64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  if (error == std::errc::result_out_of_range && rest == end) return most;
  if (error != std::errc() || rest != end || number < 0) return 0;
  return std::min(number, most);
}

std::string Printable(std::string_view text) {
  std::string words(text.substr(0, kMaxNotifiedStatusBytes));
  for (char& c : words) {
    if (c < ' ' || c > '~') c = '?';
  }
  return words;
}

}  // namespace

Notification ParseNotification(std::string_view datagram) {
  Notification said;
  while (!datagram.empty()) {
    const size_t end = std::min(datagram.find('\n'), datagram.size());
    const std::string_view line = datagram.substr(0, end);
    datagram.remove_prefix(std::min(end + 1, datagram.size()));
    const size_t equals = line.find('=');
    if (equals == std::string_view::npos) continue;
    const std::string_view name = line.substr(0, equals);
    const std::string_view value = line.substr(equals + 1);
    if (name == "READY") {
      said.ready |= value == "1";
    } else if (name == "STOPPING") {
      said.stopping |= value == "1";
    } else if (name == "WATCHDOG") {
      said.alive |= value == "1";
      said.unwell |= value == "trigger";
    } else if (name == "STATUS") {
      said.status = Printable(value);
    } else if (name == "MAINPID") {
      const int64_t pid = ParsePositive(value, INT32_MAX);
      if (pid > 0) said.main_pid = static_cast<pid_t>(pid);
    } else if (name == "EXTEND_TIMEOUT_USEC") {
      const int64_t us = ParsePositive(value, kLongestExtensionUs);
      if (us > 0) said.extend = absl::Microseconds(us);
    }
  }
  return said;
}

}  // namespace w2t::worker
