// Reads the files of one attempt, also while they are written.
#ifndef W2T_SERVER_LOGS_LOG_FILE_READER_H_
#define W2T_SERVER_LOGS_LOG_FILE_READER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "server/logs/log_format.h"
#include "server/logs/log_store.h"

namespace w2t {

class LogFileReader {
 public:
  explicit LogFileReader(std::string path) : path_(std::move(path)) {}
  ~LogFileReader();
  LogFileReader(const LogFileReader&) = delete;
  LogFileReader& operator=(const LogFileReader&) = delete;

  // See LogStore::Read; only that does set `eof`. A file that does not exist is
  // one without output.
  absl::Status Read(uint64_t max_bytes, LogCursor* cursor, LogRead* out);

  // The part of an open file that is whole.
  struct Whole {
    uint64_t size = 0;     // of the file
    uint64_t printed = 0;  // of what its frames hold, or tell as left out
  };
  static Whole MeasureWhole(int fd);

  // The header's number; nothing when the file has none.
  static std::optional<uint64_t> HeaderOf(LogFileKind kind, int fd);

 private:
  struct File {
    int fd;
    uint64_t before;  // what was printed before it
  };

  absl::Status OpenFiles();
  // Puts the cursor on the file that it goes on in.
  void Enter(size_t file, LogCursor* cursor);
  // Reads on in the present file; false when `max_bytes` are reached.
  bool ReadFrames(uint64_t max_bytes, uint64_t* bytes, LogCursor* cursor,
                  LogRead* out);
  // Bytes at `at`, up to `size`, fewer at the end of the file.
  std::string_view Peek(uint64_t at, size_t size);
  // False at the end of what is whole.
  bool NextFrame(uint64_t at, LogFrame* frame);
  void Deliver(uint64_t at, const LogFrame& frame, uint64_t skip,
               uint64_t left_out, LogRead* out);

  const std::string path_;
  std::vector<File> files_;  // as they follow each other
  int fd_ = -1;              // of the one that is read
  uint64_t dropped_at_end_ = 0;
  std::string window_;  // a part of the file
  uint64_t window_at_ = 0;
};

}  // namespace w2t

#endif  // W2T_SERVER_LOGS_LOG_FILE_READER_H_
