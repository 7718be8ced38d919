// LockFile: at most one process at a time owns a directory.
#ifndef W2T_SERVER_JOURNAL_LOCK_FILE_H_
#define W2T_SERVER_JOURNAL_LOCK_FILE_H_

#include <string>
#include <utility>

#include "absl/status/statusor.h"

namespace w2t {

// Holds a lock that the kernel takes back when the process ends, however it
// ends. The file holds the owner's process id, for people.
class LockFile {
 public:
  // FAILED_PRECONDITION when another process, or another LockFile of this one,
  // has it, naming the file and the process; UNAVAILABLE when the file cannot
  // be used.
  static absl::StatusOr<LockFile> Take(const std::string& path);

  LockFile(LockFile&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  LockFile& operator=(LockFile&&) = delete;
  ~LockFile();

 private:
  explicit LockFile(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace w2t

#endif  // W2T_SERVER_JOURNAL_LOCK_FILE_H_
