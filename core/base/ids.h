// The numbers by which the orchestrator's parts call each other's things. Each
// kind is a type of its own, so that one cannot be passed for another.
#ifndef W2T_CORE_BASE_IDS_H_
#define W2T_CORE_BASE_IDS_H_

#include <compare>
#include <cstdint>
#include <utility>

namespace w2t {

template <typename Tag, typename Rep>
struct StrongId {
  Rep value = 0;

  auto operator<=>(const StrongId&) const = default;
  explicit operator bool() const { return value != 0; }

  template <typename H>
  friend H AbslHashValue(H h, StrongId id) {
    return H::combine(std::move(h), id.value);
  }
};

// All count up from 1; 0 means none.
using RunNumber = StrongId<struct RunTag, uint64_t>;        // for ever
using WorkerNumber = StrongId<struct WorkerTag, uint32_t>;  // for ever
using Fence = StrongId<struct FenceTag, uint64_t>;          // for ever
using SessionId = StrongId<struct SessionTag, uint64_t>;    // of one process
// Ties the engine's answer to the request that a client waits on.
using ReplyToken = StrongId<struct ReplyTag, uint64_t>;  // of one process

}  // namespace w2t

#endif  // W2T_CORE_BASE_IDS_H_
