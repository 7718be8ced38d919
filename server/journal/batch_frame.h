// The bytes of one row of the journal:
//
//   frame   := version:u32 checksum:u32 length:u32 payload
//   version := 1
//
// All numbers little-endian. The checksum is the CRC-32C of the row's own two
// numbers (u64 each: a batch's number and epoch, a part's id and batch),
// version, length and payload, so that a row which lands under another number
// is found out too.
#ifndef W2T_SERVER_JOURNAL_BATCH_FRAME_H_
#define W2T_SERVER_JOURNAL_BATCH_FRAME_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace w2t {

inline constexpr size_t kBatchHeaderBytes = 12;

// Puts a frame into `out`, whose memory is used again. `payload` is at most
// UINT32_MAX bytes.
void EncodeFrame(uint64_t batch, uint64_t epoch, std::string_view payload,
                 std::string* out);

// The payload, a part of `frame`. DATA_LOSS when it is damaged, in words that
// leave the batch's name to the caller; FAILED_PRECONDITION when it is of a
// newer version.
absl::StatusOr<std::string_view> DecodeFrame(uint64_t batch, uint64_t epoch,
                                             std::string_view frame);

}  // namespace w2t

#endif  // W2T_SERVER_JOURNAL_BATCH_FRAME_H_
