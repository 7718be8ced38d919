// Ports of this machine, and servers on them that do what a test says.
#ifndef W2T_TESTS_SUPPORT_SCRIPT_SERVER_H_
#define W2T_TESTS_SUPPORT_SCRIPT_SERVER_H_

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <list>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "gtest/gtest.h"

namespace w2t::test {

// A port of this machine, taken, and listened on once Listen is called.
class Port {
 public:
  explicit Port(int family = AF_INET)
      : fd_(socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    // So that a server of gRPC may have it as well, later.
    const int on = 1;
    setsockopt(fd_, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
    sockaddr_storage address{};
    address.ss_family = static_cast<sa_family_t>(family);
    socklen_t length =
        family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
    if (family == AF_INET) {
      reinterpret_cast<sockaddr_in&>(address).sin_addr.s_addr =
          htonl(INADDR_LOOPBACK);
    } else {
      reinterpret_cast<sockaddr_in6&>(address).sin6_addr = in6addr_loopback;
    }
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    usable_ = bind(fd_, generic, length) == 0;
    getsockname(fd_, generic, &length);
    number_ = ntohs(family == AF_INET
                        ? reinterpret_cast<sockaddr_in&>(address).sin_port
                        : reinterpret_cast<sockaddr_in6&>(address).sin6_port);
  }
  ~Port() { close(fd_); }
  Port(const Port&) = delete;
  Port& operator=(const Port&) = delete;

  void Listen(int backlog = 16) { ASSERT_EQ(listen(fd_, backlog), 0); }
  // Of who listens.
  int fd() const { return fd_; }
  bool usable() const { return usable_; }
  int number() const { return number_; }

 private:
  const int fd_;
  bool usable_ = false;
  int number_ = 0;
};

// Takes connections and hands each to `serve`, on a thread of its own. When it
// goes, all connections are shut down, which ends every read and write.
class ScriptServer {
 public:
  using Serve = std::function<void(int fd)>;

  explicit ScriptServer(Serve serve) : serve_(std::move(serve)) {
    port_.Listen(1024);
    acceptor_ = std::thread([this] { Accept(); });
  }
  ~ScriptServer() {
    shutdown(port_.fd(), SHUT_RDWR);
    acceptor_.join();
    for (Connection& connection : connections_) {
      shutdown(connection.fd, SHUT_RDWR);
    }
    for (Connection& connection : connections_) {
      connection.thread.join();
      close(connection.fd);
    }
  }
  ScriptServer(const ScriptServer&) = delete;
  ScriptServer& operator=(const ScriptServer&) = delete;

  int port() const { return port_.number(); }

 private:
  struct Connection {
    int fd;
    std::thread thread;
  };

  void Accept() {
    for (;;) {
      const int fd = accept4(port_.fd(), nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) return;
      Connection& connection = connections_.emplace_back();
      connection.fd = fd;
      connection.thread = std::thread([this, &connection] {
        serve_(connection.fd);
        shutdown(connection.fd, SHUT_RDWR);
      });
    }
  }

  const Serve serve_;
  Port port_;
  std::list<Connection> connections_;  // of the acceptor, until it has ended
  std::thread acceptor_;
};

// What comes up to the empty line that ends a request; less when the peer goes.
inline std::string ReadRequest(int fd) {
  std::string text;
  char c = 0;
  while (!text.ends_with("\r\n\r\n") && recv(fd, &c, 1, 0) == 1) text += c;
  return text;
}

// False once the peer is gone.
inline bool SendText(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t sent = send(fd, text.data(), text.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    text.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

}  // namespace w2t::test

#endif  // W2T_TESTS_SUPPORT_SCRIPT_SERVER_H_
