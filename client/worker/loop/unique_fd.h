// A file descriptor that is closed when its owner goes.
#ifndef W2T_CLIENT_WORKER_LOOP_UNIQUE_FD_H_
#define W2T_CLIENT_WORKER_LOOP_UNIQUE_FD_H_

#include <unistd.h>

#include <utility>

namespace w2t::worker {

// What close_range(2) is told, as in linux/close_range.h, which older systems
// do not have.
inline constexpr unsigned kCloseRangeUnshare = 2;
inline constexpr unsigned kCloseRangeCloexec = 4;

class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  ~UniqueFd() { reset(); }
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    if (this != &other) {
      reset();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  UniqueFd(const UniqueFd&) = delete;
  UniqueFd& operator=(const UniqueFd&) = delete;

  // -1: none.
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  void reset() {
    if (fd_ >= 0) close(std::exchange(fd_, -1));
  }

 private:
  int fd_ = -1;
};

}  // namespace w2t::worker

#endif  // W2T_CLIENT_WORKER_LOOP_UNIQUE_FD_H_
