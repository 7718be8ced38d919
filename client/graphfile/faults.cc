#include "client/graphfile/faults.h"

#include <algorithm>
#include <utility>

namespace w2t::graphfile {

void Faults::Add(Position at, std::string message) {
  if (closed_.contains(at)) return;
  ++total_;
  if (entries_.size() < kMaxKept) {
    entries_.push_back({at, std::move(message)});
  }
}

void Faults::AddOnly(Position at, std::string message) {
  Add(at, std::move(message));
  if (closed_.size() < kMaxKept) closed_.insert(at);
}

std::vector<Fault> Faults::Sorted(absl::Span<const std::string> files) const {
  std::vector<Entry> sorted = entries_;
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const Entry& a, const Entry& b) { return a.at < b.at; });
  std::vector<Fault> faults;
  const Entry* last = nullptr;
  for (const Entry& entry : sorted) {
    if (faults.size() == kMaxListed) break;
    if (last != nullptr && *last == entry) continue;
    last = &entry;
    faults.push_back({.file = files[entry.at.file],
                      .line = entry.at.line,
                      .column = entry.at.column,
                      .message = entry.message});
  }
  return faults;
}

}  // namespace w2t::graphfile
