// LineMatcher: waits for a line of output. Knows no process and no clock. Not
// thread-safe.
#ifndef W2T_CLIENT_WORKER_PROBE_LINE_MATCHER_H_
#define W2T_CLIENT_WORKER_PROBE_LINE_MATCHER_H_

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace w2t::worker {

class LineMatcher {
 public:
  // Of a longer line only this much is looked at.
  static constexpr size_t kMaxLineBytes = 64 * 1024;

  // `text` is contained in the line.
  static std::unique_ptr<LineMatcher> ForText(std::string_view text);
  // `expression` (POSIX, extended) matches a part of the line.
  // INVALID_ARGUMENT.
  static absl::StatusOr<std::unique_ptr<LineMatcher>> ForRegex(
      std::string_view expression);

  virtual ~LineMatcher() = default;

  // More output of one stream; lines may be cut anywhere. True when a line
  // matched. A line of text counts as soon as the text is there, for an
  // expression it must be complete.
  bool Feed(std::string_view data);
  // The last line ends, with or without a newline.
  bool End();
  // Of what is waited for: "a line with \"ready\"".
  virtual std::string what() const = 0;
  // The same for another stream.
  virtual std::unique_ptr<LineMatcher> Clone() const = 0;

 protected:
  // `complete`: the line's end has been seen.
  virtual bool Matches(std::string_view line, bool complete) const = 0;

 private:
  std::string line_;  // so far
};

}  // namespace w2t::worker

#endif  // W2T_CLIENT_WORKER_PROBE_LINE_MATCHER_H_
