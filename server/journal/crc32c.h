// CRC-32C (Castagnoli), as in RFC 3720, appendix B.4.
#ifndef W2T_SERVER_JOURNAL_CRC32C_H_
#define W2T_SERVER_JOURNAL_CRC32C_H_

#include <cstdint>
#include <string_view>

namespace w2t {

// Of what gave `crc` (0: nothing) followed by `data`.
uint32_t ExtendCrc32c(uint32_t crc, std::string_view data);

inline uint32_t Crc32c(std::string_view data) { return ExtendCrc32c(0, data); }

}  // namespace w2t

#endif  // W2T_SERVER_JOURNAL_CRC32C_H_
