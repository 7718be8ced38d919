// Transcript: puts what happened and what was printed into the order that
// people expect. What an attempt printed stands between its start and its end,
// although both come on streams of their own.
#ifndef W2T_CLIENT_CLI_TRANSCRIPT_H_
#define W2T_CLIENT_CLI_TRANSCRIPT_H_

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace w2t::cli {

// Not thread-safe.
class Transcript {
 public:
  // The end of an attempt waits no longer than this for its output, and with it
  // all that happened later.
  static constexpr absl::Duration kPatience = absl::Seconds(1);

  // Something happened to an attempt; 0: to none. An empty line is not shown,
  // but output keeps behind it.
  void Happened(uint32_t task, uint32_t attempt, std::string line);
  // The attempt is over, and its output is being read. Not shown when empty.
  void Ended(uint32_t task, uint32_t attempt, std::string line, absl::Time now);
  // It printed lines; with `last`, there are no more of them.
  void Printed(uint32_t task, uint32_t attempt, std::vector<std::string> lines,
               bool last);

  // The lines that may be shown now, in order.
  std::vector<std::string> Take(absl::Time now);

 private:
  struct Entry {
    uint32_t task;
    uint32_t attempt;
    bool starts = false;  // output of the attempt stands behind this
    bool ends = false;    // and before this
    absl::Time until = absl::InfinitePast();
    std::vector<std::string> lines;
  };

  bool HasAllOutput(const Entry& entry) const;

  std::deque<Entry> waiting_;
  std::vector<uint32_t> read_;  // by task: the last attempt read to its end
  std::vector<std::string> due_;
};

}  // namespace w2t::cli

#endif  // W2T_CLIENT_CLI_TRANSCRIPT_H_
