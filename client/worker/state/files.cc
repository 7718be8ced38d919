#include "client/worker/state/files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <random>
#include <vector>

namespace w2t::worker {

absl::Status FileError(std::string_view call, std::string_view path) {
  return absl::InternalError(
      fmt::format("{} {}: {}", call, path, std::strerror(errno)));
}

absl::StatusOr<std::string> ReadWhole(const std::string& path) {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return FileError("open", path);
  std::string text;
  std::vector<char> buffer(64 * 1024);
  for (;;) {
    const ssize_t got = read(fd.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return FileError("read", path);
    if (got == 0) return text;
    text.append(buffer.data(), static_cast<size_t>(got));
  }
}

absl::StatusOr<UniqueFd> ReplaceFile(const std::string& path,
                                     std::string_view text) {
  const std::string fresh = path + ".new";
  UniqueFd file(
      open(fresh.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!file) return FileError("open", fresh);
  if (write(file.get(), text.data(), text.size()) !=
      static_cast<ssize_t>(text.size())) {
    return FileError("write", fresh);
  }
  if (std::rename(fresh.c_str(), path.c_str()) != 0) {
    return FileError("rename", fresh);
  }
  return file;
}

std::string HostName() {
  char name[256] = {};
  return gethostname(name, sizeof(name) - 1) == 0 && name[0] != '\0' ? name
                                                                     : "worker";
}

std::string RandomName() {
  std::random_device random;
  return fmt::format("{:08x}{:08x}", random(), random());
}

}  // namespace w2t::worker
