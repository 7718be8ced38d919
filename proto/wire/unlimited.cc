#include "proto/wire/unlimited.h"

#include <cstdint>

namespace w2t::wire {

const Limits& Unlimited() {
  static const Limits limits = {
      .max_tasks = INT32_MAX,
      .max_edges = UINT32_MAX,
      .max_name_bytes = UINT32_MAX,
      .max_action_bytes = UINT64_MAX,
      .max_demands = UINT32_MAX,
      .max_resources = UINT32_MAX,
      .max_labels = UINT32_MAX,
      .max_retry_attempts = UINT32_MAX,
      .max_exit_codes = UINT32_MAX,
      .max_message_bytes = UINT64_MAX,
      .max_output_bytes = UINT64_MAX,
      .max_leases = UINT32_MAX,
      .max_handlers = UINT32_MAX,
  };
  return limits;
}

}  // namespace w2t::wire
