// Any bytes as a row of the journal, as the batch in it, and as what an engine
// replays: it refuses facts that fit no history instead of falling over them.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/engine/engine.h"
#include "proto/wire/journal_codec.h"
#include "server/journal/batch_frame.h"
#include "tests/fuzz/program.h"

namespace {

using w2t::fuzz::Require;

void TryFrame(std::string_view bytes) {
  static_cast<void>(w2t::DecodeFrame(1, 1, bytes));
  std::string frame;
  w2t::EncodeFrame(1, 1, bytes, &frame);
  const absl::StatusOr<std::string_view> back = w2t::DecodeFrame(1, 1, frame);
  Require(back.ok() && *back == bytes);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  TryFrame(bytes);
  const absl::StatusOr<w2t::FactBatch> batch = w2t::wire::DecodeBatch(bytes);
  if (!batch.ok()) {
    Require(batch.status().code() == absl::StatusCode::kDataLoss);
    return 0;
  }
  // What was read once is written and read again as the same.
  const std::string encoded = w2t::wire::EncodeBatch(*batch);
  const absl::StatusOr<w2t::FactBatch> again = w2t::wire::DecodeBatch(encoded);
  Require(again.ok());
  Require(again->facts.size() == batch->facts.size());
  Require(w2t::wire::EncodeBatch(*again).size() == encoded.size());

  w2t::Engine engine{w2t::EngineOptions()};
  const absl::Status replayed = engine.Replay(*batch);
  Require(replayed.ok() || !replayed.message().empty());
  return 0;
}
