// RunDir: the directory of a `w2t run` that brings up its own daemon.
//
// It has a lock that ends with this process, however that ends. So what a
// killed `w2t run` has left behind is told from what is in use, and the next
// one removes it.
#ifndef W2T_CLIENT_CLI_RUN_DIR_H_
#define W2T_CLIENT_CLI_RUN_DIR_H_

#include <cstddef>
#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace w2t::cli {

class RunDir {
 public:
  // Most left-behind directories that one Make removes.
  static constexpr size_t kMostSwept = 16;

  // In TMPDIR, or /tmp. One to `keep` is never removed, by nobody. UNAVAILABLE
  // when none can be made.
  static absl::StatusOr<std::unique_ptr<RunDir>> Make(bool keep);
  ~RunDir();
  RunDir(const RunDir&) = delete;
  RunDir& operator=(const RunDir&) = delete;

  const std::string& path() const { return path_; }
  // With all that is in it, unless it is to be kept.
  void Remove();

 private:
  RunDir(std::string path, bool keep) : path_(std::move(path)), keep_(keep) {}
  bool Lock();

  const std::string path_;
  const bool keep_;
  int lock_fd_ = -1;
};

}  // namespace w2t::cli

#endif  // W2T_CLIENT_CLI_RUN_DIR_H_
