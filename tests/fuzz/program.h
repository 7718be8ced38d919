// Reads an input as a program: bytes that choose what is done next. Every input
// is one, and one that is cut off goes on with zeros for a bounded while.
#ifndef W2T_TESTS_FUZZ_PROGRAM_H_
#define W2T_TESTS_FUZZ_PROGRAM_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace w2t::fuzz {

// Says where, since a fuzzer's stack has lost that.
inline void Require(bool condition, const char* file = __builtin_FILE(),
                    int line = __builtin_LINE()) {
  if (condition) return;
  std::fprintf(stderr, "%s:%d: not so\n", file, line);
  std::abort();
}

class Program {
 public:
  Program(const uint8_t* data, size_t size)
      : rest_(reinterpret_cast<const char*>(data), size) {}

  bool done() const { return rest_.empty(); }
  uint8_t Byte() {
    if (rest_.empty()) return 0;
    const auto byte = static_cast<uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    return byte;
  }
  // From 0 to `n` - 1; `n` is 1 to 256.
  uint32_t Below(uint32_t n) { return Byte() % n; }
  bool Flag() { return (Byte() & 1) != 0; }
  // Up to 255 bytes, as they are.
  std::string_view Bytes() {
    const size_t wanted = Byte();
    const size_t size = std::min(wanted, rest_.size());
    const std::string_view bytes = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return bytes;
  }

 private:
  std::string_view rest_;
};

}  // namespace w2t::fuzz

#endif  // W2T_TESTS_FUZZ_PROGRAM_H_
