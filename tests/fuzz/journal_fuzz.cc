// Any bytes as a batch of the journal: facts, or a reason; and a fresh engine
// refuses facts that fit no history instead of falling over them.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "core/engine/engine.h"
#include "proto/wire/journal_codec.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto batch = w2t::wire::DecodeBatch(bytes);
  if (!batch.ok()) {
    if (batch.status().message().empty()) std::abort();
    return 0;
  }
  w2t::Engine engine{w2t::EngineOptions()};
  const absl::Status replayed = engine.Replay(*batch);
  if (!replayed.ok() && replayed.message().empty()) std::abort();
  return 0;
}
