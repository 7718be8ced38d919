// Variables in text: ${NAME}, with a default, and $$.
//
//   ${NAME}  $NAME     its value; a fault when it is not set
//   ${NAME:-text}      its value, or `text` when it is not set or empty
//   ${NAME:?message}   its value, or a fault with `message`, likewise
//   ${NAME:+text}      `text` when it is set and not empty, else nothing
//   $$                 a dollar
//
// Without the colon only a name that is not set counts, not an empty one.
// `text` and `message` may hold variables. A dollar before anything else is
// itself.
#ifndef W2T_CLIENT_GRAPHFILE_EXPAND_H_
#define W2T_CLIENT_GRAPHFILE_EXPAND_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"

namespace w2t::graphfile {

// What a name stands for; nothing when it is not set.
using Lookup =
    absl::FunctionRef<std::optional<std::string_view>(std::string_view name)>;

enum class ExpandMode {
  kAll,
  // A name that is not set stands for nothing.
  kUnsetIsEmpty,
  // Only ${...} with a name that is set; all else stays as it is, $$ too. For
  // lines that a shell expands later.
  kKnownOnly,
  // Only names that are set; all else stays as it is, but $$ is a dollar.
  kSetOnly,
};

struct Expansion {
  std::string text;
  std::string fault;               // empty: none
  std::vector<std::string> unset;  // names that stood for nothing
};

// How deep variables may stand in each other's defaults.
inline constexpr int kMaxExpandDepth = 16;
// How long a text may get.
inline constexpr size_t kMaxExpandedBytes = 16 * 1024 * 1024;

// O(size of `text` and of what it comes to).
Expansion Expand(std::string_view text, ExpandMode mode, Lookup lookup);

// Letters, digits and '_', not starting with a digit.
bool IsVariableName(std::string_view name);
// Such a name at the front of `text`; empty when there is none.
std::string_view VariableNameAt(std::string_view text);

}  // namespace w2t::graphfile

#endif  // W2T_CLIENT_GRAPHFILE_EXPAND_H_
