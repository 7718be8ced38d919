// LogLines: puts pieces of what attempts print together to lines.
#ifndef W2T_CLIENT_CLI_LOG_LINES_H_
#define W2T_CLIENT_CLI_LOG_LINES_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "w2t/v1/run_service.pb.h"

namespace w2t::cli {

// Not thread-safe.
class LogLines {
 public:
  // A line longer than this is cut.
  static constexpr size_t kMaxLine = 64 * 1024;

  // The lines that a part of the output completes; with the last one also what
  // is left without an end.
  std::vector<std::string> Add(const v1::TaskOutput& part);
  std::vector<std::string> Add(const v1::LogChunk& chunk, uint32_t task,
                               uint32_t attempt);
  // What is left of an attempt without a line's end.
  std::vector<std::string> Finish(uint32_t task, uint32_t attempt);

 private:
  using Key = std::tuple<uint32_t, uint32_t, int>;  // task, attempt, stream
  std::map<Key, std::string> partial_;
};

}  // namespace w2t::cli

#endif  // W2T_CLIENT_CLI_LOG_LINES_H_
