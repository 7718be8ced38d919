#include "client/cli/log_lines.h"

#include <fmt/format.h>

#include <string_view>
#include <utility>

namespace w2t::cli {

std::vector<std::string> LogLines::Add(const v1::TaskOutput& part) {
  const uint32_t attempt = part.output().attempt();
  std::vector<std::string> lines;
  for (const v1::LogChunk& chunk : part.output().chunks()) {
    for (std::string& line : Add(chunk, part.task(), attempt)) {
      lines.push_back(std::move(line));
    }
  }
  if (!part.last()) return lines;
  for (std::string& line : Finish(part.task(), attempt)) {
    lines.push_back(std::move(line));
  }
  return lines;
}

std::vector<std::string> LogLines::Add(const v1::LogChunk& chunk, uint32_t task,
                                       uint32_t attempt) {
  std::vector<std::string> lines;
  std::string& partial = partial_[{task, attempt, chunk.stream()}];
  if (chunk.dropped_bytes() > 0) {
    if (!partial.empty()) lines.push_back(std::exchange(partial, {}));
    lines.push_back(
        fmt::format("... {} bytes left out ...", chunk.dropped_bytes()));
  }
  std::string_view data = chunk.data();
  while (!data.empty()) {
    const size_t end = data.find('\n');
    partial.append(data.substr(0, end));
    data.remove_prefix(end == std::string_view::npos ? data.size() : end + 1);
    if (end != std::string_view::npos || partial.size() >= kMaxLine) {
      lines.push_back(std::exchange(partial, {}));
    }
  }
  return lines;
}

std::vector<std::string> LogLines::Finish(uint32_t task, uint32_t attempt) {
  std::vector<std::string> lines;
  const auto begin = partial_.lower_bound({task, attempt, 0});
  auto end = begin;
  while (end != partial_.end() && std::get<0>(end->first) == task &&
         std::get<1>(end->first) == attempt) {
    if (!end->second.empty()) lines.push_back(std::move(end->second));
    ++end;
  }
  partial_.erase(begin, end);
  return lines;
}

}  // namespace w2t::cli
