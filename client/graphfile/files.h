// The files that one graph is read from: their numbers, names and contents.
#ifndef W2T_CLIENT_GRAPHFILE_FILES_H_
#define W2T_CLIENT_GRAPHFILE_FILES_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "client/graphfile/graph_file.h"

namespace w2t::graphfile {

// Not thread-safe.
class Files {
 public:
  // How many files one graph may be read from, those of variables included.
  static constexpr uint32_t kMaxFiles = 1'000;

  // `options` must outlive it.
  explicit Files(const Options& options) : options_(options) {}

  // Counts a file; faults call it by `name`. Files that one graph includes or
  // takes variables from are bounded; RESOURCE_EXHAUSTED says so.
  absl::StatusOr<uint32_t> Add(std::string name);
  const std::vector<std::string>& names() const { return names_; }

  // `path` as `file` means it: relative to the folder that it lies in.
  std::string Resolve(uint32_t file, std::string_view path) const;
  // The content of a file; "-" is standard input. The message of an error says
  // what is wrong, without the name; NOT_FOUND when it is not there.
  absl::StatusOr<std::string> Read(const std::string& path) const;

 private:
  const Options& options_;
  std::vector<std::string> names_;
};

}  // namespace w2t::graphfile

#endif  // W2T_CLIENT_GRAPHFILE_FILES_H_
