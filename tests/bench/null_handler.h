// The name under which the worker serves the function that does nothing.
#ifndef W2T_TESTS_BENCH_NULL_HANDLER_H_
#define W2T_TESTS_BENCH_NULL_HANDLER_H_

namespace w2t::bench {

inline constexpr char kNullHandler[] = "null";

}  // namespace w2t::bench

#endif  // W2T_TESTS_BENCH_NULL_HANDLER_H_
