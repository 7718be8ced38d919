#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <utility>
#include <vector>

#include "client/worker/probe/check.h"

namespace w2t::worker {

namespace {

// A connection to a port of this machine that nobody listens on can meet
// itself.
bool IsSelfConnected(int fd) {
  sockaddr_storage self{}, peer{};
  socklen_t self_length = sizeof(self), peer_length = sizeof(peer);
  return getsockname(fd, reinterpret_cast<sockaddr*>(&self), &self_length) ==
             0 &&
         getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &peer_length) ==
             0 &&
         self_length == peer_length &&
         std::memcmp(&self, &peer, self_length) == 0;
}

class TcpCheck final : public Check {
 public:
  TcpCheck(Loop* loop, Resolver* resolver, const HostPort& target,
           CheckDone done)
      : loop_(loop), target_(target), done_(std::move(done)) {
    resolver->Resolve(target.host, target.port,
                      [weak = std::weak_ptr<TcpCheck*>(self_)](
                          absl::StatusOr<std::vector<Address>> addresses) {
                        const auto self = weak.lock();
                        if (self != nullptr)
                          (*self)->OnResolved(std::move(addresses));
                      });
  }
  ~TcpCheck() override { loop_->Unwatch(watch_); }

  std::string what() const override {
    const std::string& host = target_.host.empty() ? "127.0.0.1" : target_.host;
    return host.find(':') == std::string::npos
               ? fmt::format("connect to {}:{}", host, target_.port)
               : fmt::format("connect to [{}]:{}", host, target_.port);
  }

 private:
  void OnResolved(absl::StatusOr<std::vector<Address>> addresses) {
    if (!addresses.ok()) {
      Fail(std::string(addresses.status().message()));
      return;
    }
    addresses_ = *std::move(addresses);
    TryNext();
  }

  void TryNext() {
    while (next_ < addresses_.size()) {
      const Address& address = addresses_[next_++];
      if (Connect(address)) return;
    }
    Fail(fmt::format("{}: {}", what(), std::strerror(first_error_)));
  }

  // True when the result comes later, or has been told.
  bool Connect(const Address& address) {
    fd_ = UniqueFd(socket(address.storage.ss_family,
                          SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd_) return Refused(errno);
    if (connect(fd_.get(), reinterpret_cast<const sockaddr*>(&address.storage),
                address.length) == 0) {
      OnConnected();
      return true;
    }
    if (errno != EINPROGRESS) return Refused(errno);
    absl::StatusOr<WatchId> watch =
        loop_->Watch(fd_.get(), EPOLLOUT, [this](uint32_t) { OnWritable(); });
    if (!watch.ok()) return Refused(ENFILE);
    watch_ = *watch;
    return true;
  }

  bool Refused(int error) {
    if (first_error_ == 0) first_error_ = error;
    return false;
  }

  void OnWritable() {
    loop_->Unwatch(std::exchange(watch_, 0));
    int error = 0;
    socklen_t length = sizeof(error);
    getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &error, &length);
    if (error != 0) {
      Refused(error);
      TryNext();
      return;
    }
    OnConnected();
  }

  void OnConnected() {
    if (IsSelfConnected(fd_.get())) {
      Refused(ECONNREFUSED);
      TryNext();
      return;
    }
    Done(absl::OkStatus());
  }

  void Fail(const std::string& message) {
    Done(absl::UnavailableError(message));
  }
  void Done(absl::Status status) {
    CheckDone done = std::move(done_);
    done(std::move(status));
  }

  Loop* const loop_;
  const HostPort target_;
  CheckDone done_;
  std::vector<Address> addresses_;
  size_t next_ = 0;
  int first_error_ = 0;
  UniqueFd fd_;
  WatchId watch_ = 0;
  // Gone with the check, so that a late answer finds nobody.
  const std::shared_ptr<TcpCheck*> self_ = std::make_shared<TcpCheck*>(this);
};

}  // namespace

absl::StatusOr<HostPort> ParseHostPort(std::string_view text) {
  HostPort target;
  std::string_view port = text;
  if (const size_t colon = text.rfind(':'); colon != std::string_view::npos) {
    std::string_view host = text.substr(0, colon);
    port = text.substr(colon + 1);
    if (host.starts_with('[') && host.ends_with(']')) {
      host = host.substr(1, host.size() - 2);
    }
    target.host = host;
  }
  uint32_t number = 0;
  const auto parsed =
      std::from_chars(port.data(), port.data() + port.size(), number);
  if (parsed.ec != std::errc() || parsed.ptr != port.data() + port.size() ||
      number < 1 || number > 65535) {
    return absl::InvalidArgumentError(
        fmt::format("\"{}\" is neither PORT nor HOST:PORT", text));
  }
  target.port = port;
  return target;
}

std::unique_ptr<Check> MakeTcpCheck(Loop* loop, Resolver* resolver,
                                    const HostPort& target, CheckDone done) {
  return std::make_unique<TcpCheck>(loop, resolver, target, std::move(done));
}

}  // namespace w2t::worker
