// Reads the file of one attempt, also while it is written.
#ifndef W2T_SERVER_LOGS_LOG_FILE_READER_H_
#define W2T_SERVER_LOGS_LOG_FILE_READER_H_

#include <cstdint>
#include <string>
#include <string_view>

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

  // See LogStore::Read. `*end`: whether everything in the file has been read.
  // A file that does not exist is one without output.
  absl::Status Read(uint64_t max_bytes, LogCursor* cursor, LogRead* out,
                    bool* end);

  // The part of an open file that is whole.
  struct Whole {
    uint64_t size = 0;     // of the file
    uint64_t printed = 0;  // of what its frames hold, or tell as left out
  };
  static Whole MeasureWhole(int fd);

 private:
  // Bytes at `at`, up to `size`, fewer at the end of the file.
  std::string_view Peek(uint64_t at, size_t size);
  absl::Status ReadHeader();
  // False at the end of what is whole.
  bool NextFrame(uint64_t at, LogFrame* frame);
  void Deliver(uint64_t at, const LogFrame& frame, uint64_t skip, LogRead* out);

  const std::string path_;
  int fd_ = -1;
  uint64_t dropped_at_end_ = 0;
  std::string window_;  // a part of the file
  uint64_t window_at_ = 0;
};

}  // namespace w2t

#endif  // W2T_SERVER_LOGS_LOG_FILE_READER_H_
