// Text: a string literal as a template argument, as in task<"fetch">.
#ifndef W2T_FLOW_TEXT_H_
#define W2T_FLOW_TEXT_H_

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace w2t::flow {

// Characters and the zero that ends them.
template <size_t kBytes>
struct Text {
  consteval Text(const char (&literal)[kBytes]) {  // NOLINT: is to convert
    std::copy_n(literal, kBytes, bytes);
  }
  // Of a text that has been put together; shorter by at least one.
  consteval explicit Text(std::string_view text) {
    std::copy(text.begin(), text.end(), bytes);
  }
  constexpr std::string_view view() const { return {bytes, kBytes - 1}; }

  char bytes[kBytes] = {};
};

}  // namespace w2t::flow

#endif  // W2T_FLOW_TEXT_H_
