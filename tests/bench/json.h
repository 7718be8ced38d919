// JSON for reports.
#ifndef W2T_TESTS_BENCH_JSON_H_
#define W2T_TESTS_BENCH_JSON_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "fmt/format.h"
#include "tests/bench/floor.h"

namespace w2t::bench {

// An object with its members in the order in which they were added.
class Json {
 public:
  Json& Add(std::string_view name, const Json& object) {
    return AddRaw(name, object.ToString());
  }
  Json& Add(std::string_view name, const std::string& text) {
    std::string quoted = "\"";
    for (const char c : text) {
      if (c == '"' || c == '\\') quoted += '\\';
      if (c >= ' ') quoted += c;
    }
    return AddRaw(name, quoted + '"');
  }
  Json& Add(std::string_view name, double value) {
    return AddRaw(name, fmt::format("{:.6g}", value));
  }
  Json& Add(std::string_view name, uint64_t value) {
    return AddRaw(name, fmt::format("{}", value));
  }
  Json& Add(std::string_view name, const Spread& spread) {
    return Add(name, Json()
                         .Add("median", spread.median)
                         .Add("min", spread.min)
                         .Add("max", spread.max));
  }
  std::string ToString() const { return "{" + members_ + "}"; }

 private:
  Json& AddRaw(std::string_view name, const std::string& value) {
    members_ +=
        fmt::format("{}\"{}\": {}", members_.empty() ? "" : ", ", name, value);
    return *this;
  }

  std::string members_;
};

}  // namespace w2t::bench

#endif  // W2T_TESTS_BENCH_JSON_H_
