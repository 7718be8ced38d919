#include "server/journal/lock_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "absl/status/status.h"

namespace w2t {
namespace {

// What the owner wrote, as far as it is a number.
std::string ReadOwner(int fd) {
  char text[32];
  const ssize_t size = pread(fd, text, sizeof(text), 0);
  std::string owner(text, static_cast<size_t>(std::max<ssize_t>(size, 0)));
  owner.resize(std::min(owner.find_first_not_of("0123456789"), owner.size()));
  return owner.empty() ? "unknown" : owner;
}

}  // namespace

absl::StatusOr<LockFile> LockFile::Take(const std::string& path) {
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) {
    return absl::UnavailableError(
        fmt::format("cannot open {}: {}", path, std::strerror(errno)));
  }
  LockFile lock(fd);
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) {
      return absl::FailedPreconditionError(
          fmt::format("{} is held by process {}: only one daemon may use a "
                      "data directory at a time",
                      path, ReadOwner(fd)));
    }
    return absl::UnavailableError(
        fmt::format("cannot lock {}: {}", path, std::strerror(errno)));
  }
  // The lock is what counts; a file that cannot be written only leaves people
  // without the number.
  const std::string owner = fmt::format("{}\n", getpid());
  const bool written =
      ftruncate(fd, 0) == 0 && pwrite(fd, owner.data(), owner.size(), 0) ==
                                   static_cast<ssize_t>(owner.size());
  static_cast<void>(written);
  return lock;
}

LockFile::~LockFile() {
  if (fd_ >= 0) close(fd_);
}

}  // namespace w2t
