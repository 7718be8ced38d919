#include "client/worker/state/pipe_search.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>

namespace w2t::worker {

namespace {

// The pipe that a link in /proc/PID/fd stands for; 0: it is none.
uint64_t PipeOfLink(const char* path) {
  constexpr std::string_view kPipe = "pipe:[";
  std::array<char, 64> target;
  const ssize_t size = readlink(path, target.data(), target.size());
  const std::string_view text(target.data(),
                              static_cast<size_t>(std::max<ssize_t>(size, 0)));
  uint64_t pipe = 0;
  if (text.starts_with(kPipe)) {
    std::from_chars(text.data() + kPipe.size(), text.data() + text.size(),
                    pipe);
  }
  return pipe;
}

}  // namespace

uint64_t PipeOf(int fd) {
  struct stat found {};
  if (fstat(fd, &found) != 0 || !S_ISFIFO(found.st_mode)) return 0;
  return found.st_ino;
}

absl::flat_hash_map<uint64_t, UniqueFd> OpenPipes(
    absl::flat_hash_set<uint64_t> pipes) {
  namespace fs = std::filesystem;
  absl::flat_hash_map<uint64_t, UniqueFd> found;
  std::error_code error;
  for (fs::directory_iterator process("/proc", error), end;
       !error && process != end && !pipes.empty(); process.increment(error)) {
    const char first = process->path().filename().c_str()[0];
    if (first < '1' || first > '9') continue;
    // It may end meanwhile, or belong to somebody else.
    std::error_code ended;
    for (fs::directory_iterator link(process->path() / "fd", ended);
         !ended && link != end && !pipes.empty(); link.increment(ended)) {
      const uint64_t pipe = PipeOfLink(link->path().c_str());
      if (!pipes.contains(pipe)) continue;
      UniqueFd fd(
          open(link->path().c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
      // Its number may have become another file's.
      if (PipeOf(fd.get()) != pipe) continue;
      pipes.erase(pipe);
      found[pipe] = std::move(fd);
    }
  }
  return found;
}

}  // namespace w2t::worker
