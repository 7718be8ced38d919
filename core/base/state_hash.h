// A hash of durable state, equal on every machine and in every version: FNV-1a
// over 64-bit words, for comparing two foldings of the same facts. Not for
// defence against anybody.
#ifndef W2T_CORE_BASE_STATE_HASH_H_
#define W2T_CORE_BASE_STATE_HASH_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace w2t {

class StateHash {
 public:
  void Add(uint64_t word) {
    value_ = (value_ ^ word) * 0x100000001b3u;
    value_ ^= value_ >> 29;  // FNV alone never moves high bits down
  }
  void Add(std::string_view text) {
    Add(text.size());
    for (const char c : text) Add(static_cast<uint64_t>(c));
  }
  uint64_t value() const { return value_; }

 private:
  uint64_t value_ = 0xcbf29ce484222325u;
};

// Of a long text: the same idea, eight bytes at a time.
inline uint64_t ContentHash(std::string_view text) {
  StateHash hash;
  hash.Add(text.size());
  for (; !text.empty(); text.remove_prefix(std::min<size_t>(8, text.size()))) {
    uint64_t word = 0;
    for (size_t i = 0; i < 8 && i < text.size(); ++i) {
      word |= uint64_t{static_cast<uint8_t>(text[i])} << (8 * i);
    }
    hash.Add(word);
  }
  return hash.value();
}

}  // namespace w2t

#endif  // W2T_CORE_BASE_STATE_HASH_H_
