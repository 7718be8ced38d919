#include "server/journal/batch_frame.h"

#include <fmt/format.h>

#include <bit>
#include <cstring>

#include "absl/status/status.h"
#include "server/journal/crc32c.h"

namespace w2t {
namespace {

constexpr uint32_t kVersion = 1;

static_assert(std::endian::native == std::endian::little);

template <typename Int>
void Put(Int value, char* at) {
  std::memcpy(at, &value, sizeof(value));
}

uint32_t Get(std::string_view bytes, size_t at) {
  uint32_t value;
  std::memcpy(&value, bytes.data() + at, sizeof(value));
  return value;
}

uint32_t Checksum(uint64_t batch, uint64_t epoch, uint32_t version,
                  std::string_view payload) {
  char place[24];
  Put(batch, place);
  Put(epoch, place + 8);
  Put(version, place + 16);
  Put(static_cast<uint32_t>(payload.size()), place + 20);
  return ExtendCrc32c(Crc32c({place, sizeof(place)}), payload);
}

}  // namespace

void EncodeFrame(uint64_t batch, uint64_t epoch, std::string_view payload,
                 std::string* out) {
  out->resize(kBatchHeaderBytes);
  Put(kVersion, out->data());
  Put(Checksum(batch, epoch, kVersion, payload), out->data() + 4);
  Put(static_cast<uint32_t>(payload.size()), out->data() + 8);
  out->append(payload);
}

absl::StatusOr<std::string_view> DecodeFrame(uint64_t batch, uint64_t epoch,
                                             std::string_view frame) {
  if (frame.size() < kBatchHeaderBytes) {
    return absl::DataLossError(
        fmt::format("it has {} bytes, fewer than its header", frame.size()));
  }
  const std::string_view payload = frame.substr(kBatchHeaderBytes);
  const uint32_t version = Get(frame, 0);
  if (Checksum(batch, epoch, version, payload) != Get(frame, 4)) {
    return absl::DataLossError("its checksum does not match");
  }
  if (version != kVersion) {
    return absl::FailedPreconditionError(
        fmt::format("it is of version {}; this program reads version {}",
                    version, kVersion));
  }
  if (Get(frame, 8) != payload.size()) {
    return absl::DataLossError(
        fmt::format("it has {} bytes of {}", payload.size(), Get(frame, 8)));
  }
  return payload;
}

}  // namespace w2t
