// Abseil's own string view, which is a type apart where Abseil was compiled as
// C++14, as in Debian 12.
#ifndef W2T_CORE_BASE_ABSL_VIEW_H_
#define W2T_CORE_BASE_ABSL_VIEW_H_

#include <string_view>

#include "absl/strings/string_view.h"

namespace w2t {

// The same bytes, as keys of Abseil's containers want them.
inline absl::string_view AbslView(std::string_view text) {
  return {text.data(), text.size()};
}

}  // namespace w2t

#endif  // W2T_CORE_BASE_ABSL_VIEW_H_
