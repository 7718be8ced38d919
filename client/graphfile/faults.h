// Faults of one file, gathered while it is read.
#ifndef W2T_CLIENT_GRAPHFILE_FAULTS_H_
#define W2T_CLIENT_GRAPHFILE_FAULTS_H_

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "client/graphfile/graph_file.h"

namespace w2t::graphfile {

// A place in a file, counted from 1; {0, 0} is the file as a whole.
struct Position {
  uint32_t line = 0;
  uint32_t column = 0;

  auto operator<=>(const Position&) const = default;
};

// Not thread-safe.
class Faults {
 public:
  // How many are listed in the end.
  static constexpr size_t kMaxListed = 100;
  // How many are kept in order to list the first ones of the file; what comes
  // after them is counted only.
  static constexpr size_t kMaxKept = 10'000;

  void Add(Position at, std::string message);

  bool empty() const { return total_ == 0; }
  uint64_t total() const { return total_; }

  // The first ones in the order of the file, none of them twice.
  std::vector<Fault> Sorted(std::string_view file) const;

 private:
  struct Entry {
    Position at;
    std::string message;

    auto operator<=>(const Entry&) const = default;
  };

  std::vector<Entry> entries_;
  uint64_t total_ = 0;
};

}  // namespace w2t::graphfile

#endif  // W2T_CLIENT_GRAPHFILE_FAULTS_H_
