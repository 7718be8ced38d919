#include "w2t/diagnostic.h"

#include <utility>

#include "fmt/format.h"

namespace w2t {

void Diagnostics::Add(Diagnostic diagnostic) {
  ++total_;
  if (listed_.size() < kMaxListed) listed_.push_back(std::move(diagnostic));
}

void Diagnostics::AddLimit(std::string_view what, std::string_view field,
                           std::string_view limit_name, uint64_t limit,
                           uint64_t value) {
  Add({.code = DiagnosticCode::kLimitExceeded,
       .message = fmt::format("{} is {}; the limit {} is {}", what, value,
                              limit_name, limit),
       .field = std::string(field),
       .limit_name = std::string(limit_name),
       .limit = limit,
       .value = value});
}

std::string Diagnostics::Summary() const {
  // A status message must stay readable; the typed detail has the rest.
  constexpr size_t kMaxShown = 5;
  if (total_ == 0) return "no faults";
  if (total_ == 1) return listed_[0].message;
  std::string summary = fmt::format("{} faults: ", total_);
  for (size_t i = 0; i < listed_.size() && i < kMaxShown; ++i) {
    if (i > 0) summary += "; ";
    summary += listed_[i].message;
  }
  if (total_ > kMaxShown) {
    summary += fmt::format("; and {} more", total_ - kMaxShown);
  }
  return summary;
}

}  // namespace w2t
