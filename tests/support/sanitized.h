// Whether a sanitizer watches. Then everything takes ten times as long, and
// memory is no measure: it takes some of its own, and keeps what is freed.
#ifndef W2T_TESTS_SUPPORT_SANITIZED_H_
#define W2T_TESTS_SUPPORT_SANITIZED_H_

#include <cstdint>

namespace w2t::test {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif
// Of many like cases, only one in so many is tried then.
inline constexpr uint64_t kStep = kSanitized ? 7 : 1;

}  // namespace w2t::test

#endif  // W2T_TESTS_SUPPORT_SANITIZED_H_
