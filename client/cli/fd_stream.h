// FdStream: writes to a file descriptor, and remembers why it could not.
#ifndef W2T_CLIENT_CLI_FD_STREAM_H_
#define W2T_CLIENT_CLI_FD_STREAM_H_

#include <array>
#include <ostream>
#include <streambuf>

namespace w2t::cli {

// Not thread-safe. Does not own the descriptor. After the first write that
// fails the stream is bad, and what is written to it is dropped.
class FdStream final : public std::ostream {
 public:
  explicit FdStream(int fd) : std::ostream(nullptr), buffer_(fd) {
    rdbuf(&buffer_);
  }
  // Flushes.
  ~FdStream() override { flush(); }

  // The errno of the write that failed. 0: none has.
  int error() const { return buffer_.error(); }

 private:
  class Buffer final : public std::streambuf {
   public:
    explicit Buffer(int fd) : fd_(fd) {
      setp(bytes_.data(), bytes_.data() + bytes_.size());
    }
    int error() const { return error_; }

   protected:
    int_type overflow(int_type c) override;
    int sync() override;

   private:
    const int fd_;
    int error_ = 0;
    std::array<char, 16 * 1024> bytes_;
  };

  Buffer buffer_;
};

// Takes the descriptors 0 to 2 that are closed, so that no file opened later
// becomes standard output by accident. Writing to them still fails.
void OccupyStandardDescriptors();

}  // namespace w2t::cli

#endif  // W2T_CLIENT_CLI_FD_STREAM_H_
