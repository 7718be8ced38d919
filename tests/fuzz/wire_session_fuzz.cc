// Any bytes as what a worker sends: an event for the engine, or a reason.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "proto/wire/session_codec.h"

namespace {

template <typename Message, typename... Limits>
void Read(const uint8_t* data, size_t size, const Limits&... limits) {
  Message message;
  if (!message.ParseFromArray(data, static_cast<int>(size))) return;
  const auto read = w2t::wire::FromProto(message, limits...);
  if (!read.ok() && read.status().message().empty()) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const w2t::Limits limits;
  switch (data[0] % 3) {
    case 0:
      Read<w2t::v1::Hello>(data + 1, size - 1, limits);
      break;
    case 1:
      Read<w2t::v1::ReportBatch>(data + 1, size - 1, limits);
      break;
    default:
      Read<w2t::v1::LeaseColumns>(data + 1, size - 1);
  }
  return 0;
}
