// What JSON writes in a way that YAML does not.
#ifndef W2T_CLIENT_GRAPHFILE_JSON_TEXT_H_
#define W2T_CLIENT_GRAPHFILE_JSON_TEXT_H_

#include <optional>
#include <string>
#include <string_view>

namespace w2t::graphfile {

// JSON writes characters beyond U+FFFF as two escapes ("\ud83d\ude00"), YAML as
// one ("\U0001f600"). Returns JSON text with the latter, or null when it has
// none of the former or is no JSON. Columns to the right of one on the same
// line come out smaller by two.
std::optional<std::string> JoinSurrogates(std::string_view text);

}  // namespace w2t::graphfile

#endif  // W2T_CLIENT_GRAPHFILE_JSON_TEXT_H_
