// Any bytes as the file of an attempt's output.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

#include "server/logs/log_file_reader.h"
#include "tests/fuzz/program.h"

namespace {

using w2t::fuzz::Require;

// Reads all in pieces of `max_bytes`; the number of bytes.
// Goes on with the same cursor, or each time with a new one at its offset.
uint64_t ReadAll(const std::string& path, uint64_t max_bytes, bool same) {
  w2t::LogCursor cursor;
  uint64_t bytes = 0;
  for (bool end = false; !end;) {
    if (!same) cursor = w2t::LogCursor(cursor.offset());
    w2t::LogRead read;
    w2t::LogFileReader reader(path);
    if (!reader.Read(max_bytes, &cursor, &read).ok()) return 0;
    end = read.end;
    Require(end || !read.chunks.empty());
    for (const auto& chunk : read.chunks) bytes += chunk.data().size();
  }
  return bytes;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const int fd = memfd_create("log", MFD_CLOEXEC);
  Require(fd >= 0);
  Require(write(fd, data, size) == static_cast<ssize_t>(size));
  const std::string path = "/proc/self/fd/" + std::to_string(fd);
  const uint64_t all = ReadAll(path, UINT64_MAX, true);
  Require(all <= size);
  Require(ReadAll(path, 1, true) == all);
  Require(ReadAll(path, 100, false) == all);
  Require(w2t::LogFileReader::MeasureWhole(fd).size <=
          std::max<uint64_t>(size, w2t::kLogHeaderBytes));
  close(fd);
  return 0;
}
