// Errors for bad requests, each with a typed detail.
#ifndef W2T_SERVER_RPC_CHECKS_H_
#define W2T_SERVER_RPC_CHECKS_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace w2t::server {

absl::Status MissingField(
    std::string_view field, std::string message,
    absl::StatusCode code = absl::StatusCode::kInvalidArgument);
absl::Status InvalidField(
    std::string_view field, std::string message,
    absl::StatusCode code = absl::StatusCode::kInvalidArgument);
absl::Status Conflict(std::string_view field, std::string message);
absl::Status NotFound(std::string_view field, std::string message);
// "`what` is `value`; the limit `limit_name` is `limit`".
absl::Status OverLimit(
    std::string_view what, std::string_view field, std::string_view limit_name,
    uint64_t limit, uint64_t value,
    absl::StatusCode code = absl::StatusCode::kInvalidArgument);

// A required name: not empty, at most `limit` bytes.
absl::Status CheckName(std::string_view field, std::string_view value,
                       std::string_view limit_name, uint64_t limit);

// A client's request id: at most `max_request_id_bytes`.
absl::Status CheckRequestId(std::string_view value,
                            uint64_t max_request_id_bytes);

// The size of a page: `standard` for 0, INVALID_ARGUMENT above `most`.
absl::StatusOr<uint32_t> PageSize(uint32_t wanted, uint32_t standard,
                                  uint32_t most);
// The position in a page token that holds a number; `first` for an empty one.
absl::StatusOr<uint64_t> PageStart(std::string_view token, uint64_t first,
                                   uint64_t most);

}  // namespace w2t::server

#endif  // W2T_SERVER_RPC_CHECKS_H_
