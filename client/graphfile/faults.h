// Faults of the files of one graph, gathered while they are read.
#ifndef W2T_CLIENT_GRAPHFILE_FAULTS_H_
#define W2T_CLIENT_GRAPHFILE_FAULTS_H_

#include <compare>
#include <cstdint>
#include <string>
#include <tuple>
#include <vector>

#include "absl/container/btree_set.h"
#include "absl/types/span.h"
#include "client/graphfile/graph_file.h"

namespace w2t::graphfile {

// A place in a file, counted from 1; {0, 0} is the file as a whole. The file is
// the one with this number in Files.
struct Position {
  uint32_t line = 0;
  uint32_t column = 0;
  uint32_t file = 0;

  bool operator==(const Position&) const = default;
  auto operator<=>(const Position& other) const {
    return std::tie(file, line, column) <=>
           std::tie(other.file, other.line, other.column);
  }
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
  // The same for one that says all there is to say of its place: those that are
  // noted there later only follow from it, and are dropped.
  void AddOnly(Position at, std::string message);

  bool empty() const { return total_ == 0; }
  uint64_t total() const { return total_; }

  // The first ones in the order of the files, none of them twice. `files` are
  // their names.
  std::vector<Fault> Sorted(absl::Span<const std::string> files) const;

 private:
  struct Entry {
    Position at;
    std::string message;

    auto operator<=>(const Entry&) const = default;
  };

  std::vector<Entry> entries_;
  absl::btree_set<Position> closed_;  // places
  uint64_t total_ = 0;
};

}  // namespace w2t::graphfile

#endif  // W2T_CLIENT_GRAPHFILE_FAULTS_H_
