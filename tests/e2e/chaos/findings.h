// What was found to be wrong, and what was counted on the way. Thread-safe.
#ifndef W2T_TESTS_E2E_CHAOS_FINDINGS_H_
#define W2T_TESTS_E2E_CHAOS_FINDINGS_H_

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fmt/format.h"

namespace w2t::chaos {

class Findings {
 public:
  // A broken promise.
  template <typename... Args>
  void Add(fmt::format_string<Args...> format, Args&&... args) {
    AddText(fmt::format(format, std::forward<Args>(args)...));
  }
  // What may happen, and is worth a line of the table.
  void Count(std::string_view name, uint64_t by = 1);
  // Of how long something took, in ms.
  void Took(std::string_view name, double ms);

  uint64_t faults() const;
  // The faults, at most kShown of them, and the table.
  std::string Report() const;
  // Of one counter.
  uint64_t count(std::string_view name) const;

 private:
  static constexpr size_t kShown = 50;
  void AddText(std::string text);

  mutable std::mutex mutex_;
  std::vector<std::string> shown_;
  uint64_t faults_ = 0;
  std::map<std::string, uint64_t, std::less<>> counts_;
  std::map<std::string, std::vector<double>, std::less<>> times_;
};

}  // namespace w2t::chaos

#endif  // W2T_TESTS_E2E_CHAOS_FINDINGS_H_
