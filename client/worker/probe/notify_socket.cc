#include "client/worker/probe/notify_socket.h"

#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

namespace w2t::worker {

namespace {

// Heard in one turn of the loop, so that nobody can keep it for himself.
constexpr int kMostAtOnce = 32;
constexpr size_t kMostDescriptors = 253;  // SCM_MAX_FD

struct Datagram {
  std::string_view text;
  std::optional<ucred> sender;
  // sd_notify_barrier waits until these are closed.
  std::vector<UniqueFd> descriptors;
};

Datagram Unpack(msghdr& header, std::string_view text) {
  Datagram datagram{.text = text};
  for (cmsghdr* part = CMSG_FIRSTHDR(&header); part != nullptr;
       part = CMSG_NXTHDR(&header, part)) {
    if (part->cmsg_level != SOL_SOCKET) continue;
    if (part->cmsg_type == SCM_CREDENTIALS) {
      std::memcpy(&datagram.sender.emplace(), CMSG_DATA(part), sizeof(ucred));
    } else if (part->cmsg_type == SCM_RIGHTS) {
      const size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
      std::vector<int> fds(count);
      std::memcpy(fds.data(), CMSG_DATA(part), count * sizeof(int));
      for (const int fd : fds) datagram.descriptors.emplace_back(fd);
    }
  }
  return datagram;
}

}  // namespace

NotifyFolder::~NotifyFolder() {
  if (!path_.empty()) rmdir(path_.c_str());
}

std::string NotifyFolder::NewPath() {
  if (!std::exchange(tried_, true)) {
    const char* const parent = std::getenv("TMPDIR");
    std::string path =
        fmt::format("{}/w2t-notify-XXXXXX",
                    parent != nullptr && *parent == '/' ? parent : "/tmp");
    if (mkdtemp(path.data()) != nullptr) path_ = std::move(path);
  }
  if (path_.empty()) return "";
  std::string path = fmt::format("{}/{}", path_, ++last_);
  return path.size() < sizeof(sockaddr_un::sun_path) ? path : "";
}

absl::StatusOr<std::unique_ptr<NotifySocket>> NotifySocket::Open(
    Loop* loop, NotifyFolder* folder, const std::string& wanted) {
  const auto fail = [](std::string_view stage) {
    return absl::ResourceExhaustedError(fmt::format(
        "the socket for notifications: {}: {}", stage, std::strerror(errno)));
  };
  UniqueFd fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return fail("socket");
  const int on = 1;
  if (setsockopt(fd.get(), SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) != 0) {
    return fail("SO_PASSCRED");
  }
  sockaddr_un address{.sun_family = AF_UNIX};
  const bool abstract = wanted.starts_with('@');
  const std::string path = abstract         ? ""
                           : wanted.empty() ? folder->NewPath()
                                            : wanted;
  if (std::max(path.size(), wanted.size()) > kMaxPathBytes) {
    errno = ENAMETOOLONG;
    return fail("bind");
  }
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  // With the family alone, the system chooses an abstract name.
  socklen_t length = path.empty() ? sizeof(sa_family_t) : sizeof(sockaddr_un);
  if (abstract) {
    std::memcpy(address.sun_path + 1, wanted.data() + 1, wanted.size() - 1);
    length =
        static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + wanted.size());
  }
  if (!path.empty()) unlink(path.c_str());
  if (bind(fd.get(), reinterpret_cast<sockaddr*>(&address), length) != 0) {
    return fail("bind");
  }
  std::string name = path;
  if (path.empty()) {
    length = sizeof(address);
    getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &length);
    const size_t bytes = length - offsetof(sockaddr_un, sun_path);
    name = "@" + std::string(address.sun_path + 1, bytes - 1);
  }
  return std::unique_ptr<NotifySocket>(
      new NotifySocket(loop, std::move(fd), path, std::move(name)));
}

NotifySocket::NotifySocket(Loop* loop, UniqueFd fd, std::string path,
                           std::string name)
    : loop_(loop),
      fd_(std::move(fd)),
      path_(std::move(path)),
      name_(std::move(name)) {}

NotifySocket::~NotifySocket() {
  loop_->Unwatch(watch_);
  if (!path_.empty()) unlink(path_.c_str());
}

void NotifySocket::Start(pid_t group, Events events) {
  group_ = group;
  events_ = std::move(events);
  absl::StatusOr<WatchId> watch =
      loop_->Watch(fd_.get(), EPOLLIN, [this](uint32_t) { Drain(); });
  if (watch.ok()) {
    watch_ = *watch;
  } else {
    events_.refused(std::string(watch.status().message()));
  }
}

void NotifySocket::Drain() {
  for (int i = 0; i < kMostAtOnce && group_ != 0; ++i) {
    if (!HearOne()) return;
  }
}

bool NotifySocket::HearOne() {
  std::array<char, kMaxNotificationBytes> text;
  alignas(cmsghdr)
      std::array<char, CMSG_SPACE(sizeof(ucred)) +
                           CMSG_SPACE(kMostDescriptors * sizeof(int))>
          control;
  iovec piece{.iov_base = text.data(), .iov_len = text.size()};
  msghdr header{.msg_iov = &piece,
                .msg_iovlen = 1,
                .msg_control = control.data(),
                .msg_controllen = control.size()};
  const ssize_t got =
      recvmsg(fd_.get(), &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (got < 0) return errno == EINTR;
  const Datagram datagram =
      Unpack(header, {text.data(), static_cast<size_t>(got)});
  if ((header.msg_flags & MSG_TRUNC) != 0) return true;
  const pid_t sender = datagram.sender ? datagram.sender->pid : 0;
  if (sender > 0 && getpgid(sender) == group_) {
    events_.heard(ParseNotification(datagram.text));
  } else if (!std::exchange(has_refused_, true)) {
    events_.refused(fmt::format(
        "a notification of process {} was ignored: it has ended, or is not of "
        "the task's process group",
        sender));
  }
  return true;
}

}  // namespace w2t::worker
