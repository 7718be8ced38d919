#include "server/rpc/checks.h"

#include <charconv>
#include <utility>

#include "fmt/format.h"
#include "proto/wire/status_codec.h"

namespace w2t::server {
namespace {

absl::Status Fault(DiagnosticCode code, std::string_view field,
                   std::string message, absl::StatusCode status) {
  Diagnostic fault;
  fault.code = code;
  fault.field = field;
  fault.message = std::move(message);
  return wire::ToStatus(fault, status);
}

}  // namespace

absl::Status MissingField(std::string_view field, std::string message,
                          absl::StatusCode code) {
  return Fault(DiagnosticCode::kMissingField, field, std::move(message), code);
}

absl::Status InvalidField(std::string_view field, std::string message,
                          absl::StatusCode code) {
  return Fault(DiagnosticCode::kInvalidValue, field, std::move(message), code);
}

absl::Status Conflict(std::string_view field, std::string message) {
  return Fault(DiagnosticCode::kConflict, field, std::move(message),
               absl::StatusCode::kAlreadyExists);
}

absl::Status NotFound(std::string_view field, std::string message) {
  return Fault(DiagnosticCode::kNotFound, field, std::move(message),
               absl::StatusCode::kNotFound);
}

absl::Status OverLimit(std::string_view what, std::string_view field,
                       std::string_view limit_name, uint64_t limit,
                       uint64_t value, absl::StatusCode code) {
  Diagnostic fault;
  fault.code = DiagnosticCode::kLimitExceeded;
  fault.field = field;
  fault.message = fmt::format("{} is {}; the limit {} is {}", what, value,
                              limit_name, limit);
  fault.limit_name = limit_name;
  fault.limit = limit;
  fault.value = value;
  return wire::ToStatus(fault, code);
}

absl::Status CheckName(std::string_view field, std::string_view value,
                       std::string_view limit_name, uint64_t limit) {
  if (value.empty()) {
    return MissingField(field, fmt::format("{} is required", field));
  }
  if (value.size() > limit) {
    return OverLimit(fmt::format("the length of {}", field), field, limit_name,
                     limit, value.size());
  }
  return absl::OkStatus();
}

absl::Status CheckRequestId(std::string_view value,
                            uint64_t max_request_id_bytes) {
  if (value.size() <= max_request_id_bytes) return absl::OkStatus();
  return OverLimit("the length of request_id", "request_id",
                   "max_request_id_bytes", max_request_id_bytes, value.size());
}

absl::StatusOr<uint32_t> PageSize(uint32_t wanted, uint32_t standard,
                                  uint32_t most) {
  if (wanted > most) {
    return OverLimit("page_size", "page_size", "page_size", most, wanted);
  }
  return wanted == 0 ? standard : wanted;
}

absl::StatusOr<uint64_t> PageStart(std::string_view token, uint64_t first,
                                   uint64_t most) {
  if (token.empty()) return first;
  uint64_t start = 0;
  const char* end = token.data() + token.size();
  const auto [rest, error] = std::from_chars(token.data(), end, start);
  if (error != std::errc() || rest != end || start > most) {
    return InvalidField("page_token",
                        "page_token is not one that this call returned");
  }
  return start;
}

}  // namespace w2t::server
