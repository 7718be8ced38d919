#include "server/config/addresses.h"

#include <fcntl.h>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <optional>

#include "fmt/format.h"

namespace w2t::server {
namespace {

constexpr std::string_view kUnixPrefix = "unix:";
constexpr size_t kMostPath = sizeof(sockaddr_un{}.sun_path) - 1;

std::string ErrnoText(int error) { return std::strerror(error); }

// "unix:PATH" and "unix:///PATH".
std::optional<std::string> UnixPath(std::string_view address) {
  if (!address.starts_with(kUnixPrefix)) return std::nullopt;
  address.remove_prefix(kUnixPrefix.size());
  if (address.starts_with("//")) address.remove_prefix(2);
  return std::string(address);
}

std::string_view HostOf(std::string_view address) {
  std::string_view host = address.substr(0, address.rfind(':'));
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
  }
  return host;
}

class Fd {
 public:
  explicit Fd(int fd) : fd_(fd) {}
  ~Fd() {
    if (fd_ >= 0) close(fd_);
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  int get() const { return fd_; }

 private:
  const int fd_;
};

// 0 when somebody accepts connections at `path`, else the error.
int TryConnect(const std::string& path) {
  const Fd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (fd.get() < 0) return errno;
  sockaddr_un to = {};
  to.sun_family = AF_UNIX;
  std::memcpy(to.sun_path, path.data(), path.size());
  if (connect(fd.get(), reinterpret_cast<sockaddr*>(&to), sizeof(to)) == 0) {
    return 0;
  }
  return errno;
}

absl::Status CannotListen(std::string_view address, std::string_view why) {
  return absl::UnavailableError(
      fmt::format("cannot listen on {}: {}", address, why));
}

// Whether a socket can be made at `path`, where nothing is.
absl::Status CheckDirectory(const std::string& address,
                            const std::string& path) {
  const size_t slash = path.rfind('/');
  const std::string directory = slash == std::string::npos ? "."
                                : slash == 0               ? "/"
                                             : path.substr(0, slash);
  struct stat info = {};
  if (stat(directory.c_str(), &info) != 0) {
    return CannotListen(address, fmt::format("the directory {}: {}", directory,
                                             ErrnoText(errno)));
  }
  if (!S_ISDIR(info.st_mode)) {
    return CannotListen(address,
                        fmt::format("{} is not a directory", directory));
  }
  if (access(directory.c_str(), W_OK | X_OK) != 0) {
    return CannotListen(address, fmt::format("the directory {}: {}", directory,
                                             ErrnoText(errno)));
  }
  return absl::OkStatus();
}

// 0, or why no socket can be bound to it.
int TryBind(const addrinfo& to) {
  const Fd fd(socket(to.ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (fd.get() < 0) return errno;
  const int one = 1;
  setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
  return bind(fd.get(), to.ai_addr, to.ai_addrlen) == 0 ? 0 : errno;
}

absl::Status CheckTcp(const std::string& address) {
  const std::string host(HostOf(address));
  const std::string port = address.substr(address.rfind(':') + 1);
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(host.c_str(), port.c_str(), &hints, &found);
  if (error != 0) {
    return CannotListen(address,
                        fmt::format("host {}: {}", host, gai_strerror(error)));
  }
  // gRPC binds them all, and is content with one.
  int reason = 0;
  for (const addrinfo* at = found; at != nullptr; at = at->ai_next) {
    reason = TryBind(*at);
    if (reason == 0) break;
  }
  freeaddrinfo(found);
  if (reason == 0) return absl::OkStatus();
  return CannotListen(address, ErrnoText(reason));
}

bool WriteAll(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    text.remove_prefix(static_cast<size_t>(n));
  }
  return true;
}

}  // namespace

absl::Status CheckAddress(std::string_view address) {
  if (const std::optional<std::string> path = UnixPath(address)) {
    if (path->empty()) {
      return absl::InvalidArgumentError(
          fmt::format("address '{}' names no path", address));
    }
    if (path->size() > kMostPath) {
      return absl::InvalidArgumentError(
          fmt::format("the path of address '{}' has {} bytes; the system's "
                      "limit for sockets is {}",
                      address, path->size(), kMostPath));
    }
    return absl::OkStatus();
  }
  const size_t colon = address.rfind(':');
  unsigned port = 0;
  bool good = colon != std::string_view::npos && colon > 0 &&
              address.find(' ') == std::string_view::npos;
  if (good) {
    const char* end = address.data() + address.size();
    const auto [rest, error] =
        std::from_chars(address.data() + colon + 1, end, port);
    good = error == std::errc() && rest == end && port <= 65'535;
  }
  if (!good) {
    return absl::InvalidArgumentError(
        fmt::format("address '{}' is neither unix:PATH nor HOST:PORT with a "
                    "port from 0 to 65535",
                    address));
  }
  return absl::OkStatus();
}

bool IsLocalAddress(std::string_view address) {
  if (address.starts_with(kUnixPrefix)) return true;
  const std::string_view host = HostOf(address);
  return host == "localhost" || host == "::1" || host.starts_with("127.");
}

std::string BoundAddress(std::string_view address, int port) {
  if (address.starts_with(kUnixPrefix)) return std::string(address);
  return fmt::format("{}:{}", address.substr(0, address.rfind(':')), port);
}

absl::Status ClearStaleSocket(std::string_view address) {
  const std::optional<std::string> path = UnixPath(address);
  if (!path.has_value()) return absl::OkStatus();
  struct stat info = {};
  if (lstat(path->c_str(), &info) != 0) return absl::OkStatus();
  if (!S_ISSOCK(info.st_mode)) {
    return absl::FailedPreconditionError(
        fmt::format("cannot listen on {}: the path is not a socket", address));
  }
  const int error = TryConnect(*path);
  if (error == 0 || error == EAGAIN) {
    return absl::FailedPreconditionError(fmt::format(
        "cannot listen on {}: another program listens there", address));
  }
  if (error != ECONNREFUSED) {
    return absl::FailedPreconditionError(
        fmt::format("cannot listen on {}: {}", address, ErrnoText(error)));
  }
  if (unlink(path->c_str()) != 0 && errno != ENOENT) {
    return absl::FailedPreconditionError(fmt::format(
        "cannot remove the old socket {}: {}", *path, ErrnoText(errno)));
  }
  return absl::OkStatus();
}

absl::Status CheckCanListen(const std::string& address) {
  const std::optional<std::string> path = UnixPath(address);
  if (!path.has_value()) return CheckTcp(address);
  const absl::Status cleared = ClearStaleSocket(address);
  return cleared.ok() ? CheckDirectory(address, *path) : cleared;
}

absl::Status WriteAddressFile(const std::string& path,
                              const std::vector<std::string>& addresses) {
  std::string text;
  for (const std::string& address : addresses) text += address + "\n";
  const std::string draft = fmt::format("{}.{}.tmp", path, getpid());
  bool written = false;
  {
    const Fd fd(
        open(draft.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0644));
    written = fd.get() >= 0 && WriteAll(fd.get(), text);
  }
  if (!written || rename(draft.c_str(), path.c_str()) != 0) {
    const int error = errno;
    unlink(draft.c_str());
    return absl::UnavailableError(fmt::format(
        "cannot write the address file {}: {}", path, ErrnoText(error)));
  }
  return absl::OkStatus();
}

}  // namespace w2t::server
