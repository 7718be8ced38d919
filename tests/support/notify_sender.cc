// notify_sender [--abandon] MESSAGE...: sends each message to the socket in
// NOTIFY_SOCKET, waits until all have been heard, and ends with 0. With
// --abandon it waits for nothing. In a message, "\n" ends a line.
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

namespace {

int Fail(const char* what) {
  std::perror(what);
  return 1;
}

// With `descriptor`, unless it is -1.
bool Send(int fd, const sockaddr_un& address, socklen_t length,
          std::string text, int descriptor) {
  iovec piece{.iov_base = text.data(), .iov_len = text.size()};
  msghdr header{.msg_name = const_cast<sockaddr_un*>(&address),
                .msg_namelen = length,
                .msg_iov = &piece,
                .msg_iovlen = 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  if (descriptor >= 0) {
    header.msg_control = control;
    header.msg_controllen = sizeof(control);
    cmsghdr* const part = CMSG_FIRSTHDR(&header);
    part->cmsg_level = SOL_SOCKET;
    part->cmsg_type = SCM_RIGHTS;
    part->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(part), &descriptor, sizeof(int));
  }
  return sendmsg(fd, &header, MSG_NOSIGNAL) >= 0;
}

std::string WithNewlines(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text.substr(i, 2) == "\\n") {
      out += '\n';
      ++i;
    } else {
      out += text[i];
    }
  }
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  const char* const name = std::getenv("NOTIFY_SOCKET");
  if (name == nullptr) {
    std::fputs("no NOTIFY_SOCKET\n", stderr);
    return 2;
  }
  sockaddr_un address{.sun_family = AF_UNIX};
  const size_t size = std::strlen(name);
  if (size >= sizeof(address.sun_path)) return 2;
  std::memcpy(address.sun_path, name, size);
  const bool is_abstract = name[0] == '@';
  if (is_abstract) address.sun_path[0] = '\0';
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) +
                                             size + (is_abstract ? 0 : 1));
  const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return Fail("socket");
  bool waits = true;
  for (int i = 1; i < argc; ++i) {
    if (std::string_view(argv[i]) == "--abandon") {
      waits = false;
    } else if (!Send(fd, address, length, WithNewlines(argv[i]), -1)) {
      return Fail("sendmsg");
    }
  }
  if (!waits) return 0;
  int barrier[2];
  if (pipe(barrier) != 0) return Fail("pipe");
  if (!Send(fd, address, length, "BARRIER=1", barrier[1])) {
    return Fail("sendmsg");
  }
  close(barrier[1]);
  // Ends once the other side has closed what it got.
  char c = 0;
  return read(barrier[0], &c, 1) == 0 ? 0 : Fail("read");
}
