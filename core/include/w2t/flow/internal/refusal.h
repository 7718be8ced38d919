// What is wrong with the arguments of Graph::Add. Not for users.
#ifndef W2T_FLOW_INTERNAL_REFUSAL_H_
#define W2T_FLOW_INTERNAL_REFUSAL_H_

#include <tuple>
#include <type_traits>

#include "w2t/flow/internal/input.h"
#include "w2t/flow/mistakes.h"

namespace w2t::flow::internal {

// A body that does not fit. Its type is forgotten: g++ complains once more of a
// function that is declared with a local type, as a lambda's may be, and is
// never defined.
struct Anything {
  template <typename T>
  Anything(T&&) {}  // NOLINT: is to convert
};

template <typename Given>
struct MustTake;
template <typename... Given>
struct MustTake<std::tuple<Given...>>
    : std::type_identity<BodyMustTake<Given...>> {};

template <typename Argument, typename... Others>
constexpr auto FirstThatIsNoClause() {
  if constexpr (IsClause<Argument>) {
    return FirstThatIsNoClause<Others...>();
  } else {
    return std::type_identity<NotAClause<Argument>>();
  }
}

template <typename... Clauses>
constexpr auto Refusal() {
  if constexpr ((IsClause<Clauses> && ...)) {
    return MustTake<ArgumentsOf<Clauses...>>();
  } else {
    return FirstThatIsNoClause<Clauses...>();
  }
}

}  // namespace w2t::flow::internal

#endif  // W2T_FLOW_INTERNAL_REFUSAL_H_
