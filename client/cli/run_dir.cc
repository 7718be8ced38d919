#include "client/cli/run_dir.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

#include "absl/status/status.h"

namespace w2t::cli {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "w2t-";
constexpr std::string_view kPattern = "w2t-XXXXXX";
constexpr char kLock[] = "/in-use";
constexpr char kDaemonsLock[] = "/data/journal.lock";
// "/w2t-XXXXXX/w2td.sock" and the end of the string must fit as well.
constexpr size_t kLongestParent = sizeof(sockaddr_un::sun_path) - 24;

std::string Parent() {
  const char* const named = std::getenv("TMPDIR");
  const std::string parent =
      named != nullptr && *named != '\0' ? named : "/tmp";
  return parent.size() > kLongestParent ? "/tmp" : parent;
}

// Whether `path` is a directory of ours that has the name of a RunDir.
bool IsOurs(const fs::path& path) {
  const std::string name = path.filename().string();
  if (!name.starts_with(kPrefix) || name.size() != kPattern.size())
    return false;
  struct stat info {};
  return lstat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode) &&
         info.st_uid == geteuid();
}

// Whether the lock `path` is there and nobody holds it. Lets go of it again:
// nobody takes it once its process has gone.
bool IsFree(const std::string& path) {
  const int fd = open(path.c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return false;
  const bool free = flock(fd, LOCK_EX | LOCK_NB) == 0;
  close(fd);
  return free;
}

// Removes it when its process has gone, and the daemon in it, which takes a
// moment longer. A lock that is not there is one of a directory that is being
// made, or is to be kept.
bool Sweep(const std::string& path) {
  std::error_code ignored;
  const std::string journal = path + kDaemonsLock;
  const bool left = IsFree(path + kLock) &&
                    (!fs::exists(journal, ignored) || IsFree(journal));
  if (left) fs::remove_all(path, ignored);
  return left;
}

void SweepAll(const std::string& parent) {
  std::error_code error;
  size_t swept = 0;
  fs::directory_iterator entries(parent, error);
  for (; !error && entries != fs::directory_iterator() &&
         swept < RunDir::kMostSwept;
       entries.increment(error)) {
    if (IsOurs(entries->path()) && Sweep(entries->path().string())) ++swept;
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<RunDir>> RunDir::Make(bool keep) {
  const std::string parent = Parent();
  SweepAll(parent);
  std::string path = fmt::format("{}/{}", parent, kPattern);
  if (mkdtemp(path.data()) == nullptr) {
    return absl::UnavailableError(fmt::format(
        "cannot make a directory {}: {}; TMPDIR names another place", path,
        std::strerror(errno)));
  }
  std::unique_ptr<RunDir> dir(new RunDir(path, keep));
  if (keep || dir->Lock()) return dir;
  const int error = errno;
  dir->Remove();
  return absl::UnavailableError(
      fmt::format("cannot lock {}: {}", path, std::strerror(error)));
}

// The file gets its name once it is locked, so that nobody ever sees it free.
bool RunDir::Lock() {
  const std::string made = path_ + "/making";
  lock_fd_ = open(made.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  return lock_fd_ >= 0 && flock(lock_fd_, LOCK_EX | LOCK_NB) == 0 &&
         rename(made.c_str(), (path_ + kLock).c_str()) == 0;
}

RunDir::~RunDir() {
  if (lock_fd_ >= 0) close(lock_fd_);
}

void RunDir::Remove() {
  std::error_code ignored;
  if (!keep_) fs::remove_all(path_, ignored);
}

}  // namespace w2t::cli
