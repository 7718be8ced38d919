#include "server/journal/crc32c.h"

#include <array>
#include <bit>
#include <cstddef>
#include <cstring>

namespace w2t {
namespace {

constexpr uint32_t kPolynomial = 0x82f63b78;  // reflected
constexpr size_t kSlices = 8;

using Table = std::array<std::array<uint32_t, 256>, kSlices>;

// table[s][b]: the remainder of byte b followed by s zero bytes, so that eight
// bytes are taken at a time.
constexpr Table MakeTable() {
  Table table{};
  for (uint32_t b = 0; b < 256; ++b) {
    uint32_t remainder = b;
    for (int bit = 0; bit < 8; ++bit) {
      remainder = (remainder >> 1) ^ ((remainder & 1) != 0 ? kPolynomial : 0);
    }
    table[0][b] = remainder;
  }
  for (size_t s = 1; s < kSlices; ++s) {
    for (size_t b = 0; b < 256; ++b) {
      const uint32_t before = table[s - 1][b];
      table[s][b] = (before >> 8) ^ table[0][before & 0xff];
    }
  }
  return table;
}

constexpr Table kTable = MakeTable();

}  // namespace

uint32_t ExtendCrc32c(uint32_t crc, std::string_view data) {
  static_assert(std::endian::native == std::endian::little);
  uint32_t state = ~crc;
  while (data.size() >= kSlices) {
    uint64_t word;
    std::memcpy(&word, data.data(), sizeof(word));
    word ^= state;
    state = 0;
    for (size_t i = 0; i < kSlices; ++i) {
      state ^= kTable[kSlices - 1 - i][(word >> (8 * i)) & 0xff];
    }
    data.remove_prefix(kSlices);
  }
  for (const char c : data) {
    state = (state >> 8) ^ kTable[0][(state ^ static_cast<uint8_t>(c)) & 0xff];
  }
  return ~state;
}

}  // namespace w2t
