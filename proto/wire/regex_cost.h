// How large a regular expression becomes when it is compiled.
#ifndef W2T_PROTO_WIRE_REGEX_COST_H_
#define W2T_PROTO_WIRE_REGEX_COST_H_

#include <cstdint>
#include <string_view>

namespace w2t::wire {

// Most states that an expression may come to.
inline constexpr uint64_t kMaxRegexCost = 500;

// Roughly the number of states of an extended regular expression: counted
// repetitions multiply, so "(a{1,200}){1,200}" comes to 40,000, and compilers
// may need the square of that in memory. An expression that does not compile
// has some cost too. Never recurses. Stops counting a little above
// kMaxRegexCost.
uint64_t RegexCost(std::string_view expression);

}  // namespace w2t::wire

#endif  // W2T_PROTO_WIRE_REGEX_COST_H_
