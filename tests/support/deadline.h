// Waiting for things, with a bound. Every wait of these tests ends: with what
// it waited for, or with a failure that says what did not come.
#ifndef W2T_TESTS_SUPPORT_DEADLINE_H_
#define W2T_TESTS_SUPPORT_DEADLINE_H_

#include <chrono>
#include <thread>

namespace w2t::test {

// How long anything may take that normally takes milliseconds. Generous, since
// the machine may be busy with other tests; only failing tests wait that long.
inline constexpr std::chrono::seconds kPatience{60};

// Asks `done` every few milliseconds until it says true. False: it never did.
// For state that nobody announces, such as a file; otherwise wait for the
// thing.
template <typename Predicate>
bool Eventually(Predicate done,
                std::chrono::milliseconds patience = kPatience) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (!done()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(3));
  }
  return true;
}

}  // namespace w2t::test

#endif  // W2T_TESTS_SUPPORT_DEADLINE_H_
