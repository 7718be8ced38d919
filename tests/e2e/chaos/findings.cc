#include "tests/e2e/chaos/findings.h"

#include <algorithm>
#include <iterator>

namespace w2t::chaos {

void Findings::AddText(std::string text) {
  std::lock_guard lock(mutex_);
  ++faults_;
  if (shown_.size() < kShown) shown_.push_back(std::move(text));
}

void Findings::Count(std::string_view name, uint64_t by) {
  std::lock_guard lock(mutex_);
  counts_[std::string(name)] += by;
}

void Findings::Took(std::string_view name, double ms) {
  std::lock_guard lock(mutex_);
  times_[std::string(name)].push_back(ms);
}

uint64_t Findings::faults() const {
  std::lock_guard lock(mutex_);
  return faults_;
}

uint64_t Findings::count(std::string_view name) const {
  std::lock_guard lock(mutex_);
  const auto it = counts_.find(name);
  return it == counts_.end() ? 0 : it->second;
}

std::string Findings::Report() const {
  std::lock_guard lock(mutex_);
  std::string text;
  auto out = std::back_inserter(text);
  for (const std::string& fault : shown_) fmt::format_to(out, "{}\n", fault);
  if (faults_ > shown_.size()) {
    fmt::format_to(out, "and {} more\n", faults_ - shown_.size());
  }
  for (const auto& [name, count] : counts_) {
    fmt::format_to(out, "{:<52} {:>9}\n", name, count);
  }
  for (const auto& [name, times] : times_) {
    std::vector<double> sorted = times;
    std::sort(sorted.begin(), sorted.end());
    fmt::format_to(out, "{:<52} {:>9.0f} p50 {:>7.0f} max, ms, of {}\n", name,
                   sorted[sorted.size() / 2], sorted.back(), sorted.size());
  }
  fmt::format_to(out, "{:<52} {:>9}\n", "faults found", faults_);
  return text;
}

}  // namespace w2t::chaos
