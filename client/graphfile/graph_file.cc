#include "client/graphfile/graph_file.h"

#include <fmt/format.h>

namespace w2t::graphfile {

std::string Fault::ToString() const {
  if (line == 0) return fmt::format("{}: {}", file, message);
  return fmt::format("{}:{}:{}: {}", file, line, column, message);
}

LoadResult LoadFile(const std::string& path, const Options& options) {
  return LoadText("", path, options);
}

LoadResult LoadText(std::string_view /*text*/, std::string_view name,
                    const Options& options) {
  LoadResult result;
  result.format = options.format;
  result.faults.push_back({.file = std::string(name),
                           .message = "this build reads no graph files"});
  return result;
}

}  // namespace w2t::graphfile
