#include "client/lib/errors.h"

#include <fmt/format.h>
#include <grpcpp/support/status.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <string>

#include "absl/strings/cord.h"
#include "proto/wire/status_codec.h"
#include "w2t/client.h"

namespace w2t {

namespace {

constexpr char kUnreachablePayload[] = "w2t/unreachable";

constexpr std::array<std::string_view, 4> kRefusedWords = {
    "failed to connect to all addresses",
    "connections to all backends failing",
    "DNS resolution failed",
    "empty address list",
};
constexpr std::array<std::string_view, 9> kBrokenWords = {
    "Socket closed",
    "recvmsg:",
    "sendmsg:",
    "Connection reset",
    "Broken pipe",
    "GOAWAY received",
    "Stream removed",
    "Received RST_STREAM",
    "Endpoint read failed",
};

bool ContainsOneOf(std::string_view text, const auto& words) {
  return std::any_of(words.begin(), words.end(), [text](std::string_view word) {
    return text.find(word) != std::string_view::npos;
  });
}

// The innermost cause of "failed to connect to all addresses; last error:
// UNKNOWN: unix:/x: Failed to connect to remote host: Connection refused".
std::string Cause(std::string_view message) {
  const size_t colon = message.rfind(": ");
  if (colon != std::string_view::npos) message.remove_prefix(colon + 2);
  std::string cause(message);
  if (cause.size() > 1 && std::islower(static_cast<unsigned char>(cause[1]))) {
    cause[0] =
        static_cast<char>(std::tolower(static_cast<unsigned char>(cause[0])));
  }
  return cause;
}

}  // namespace

Failure Classify(const grpc::Status& status) {
  if (status.ok()) return Failure::kAnswer;
  const std::string message = status.error_message();
  switch (status.error_code()) {
    case grpc::StatusCode::DEADLINE_EXCEEDED:
      return Failure::kNoAnswer;
    case grpc::StatusCode::UNAVAILABLE:
    case grpc::StatusCode::INTERNAL:
    case grpc::StatusCode::UNKNOWN:
      if (ContainsOneOf(message, kRefusedWords)) return Failure::kRefused;
      if (ContainsOneOf(message, kBrokenWords)) return Failure::kBroken;
      return Failure::kAnswer;
    default:
      return Failure::kAnswer;
  }
}

bool IsResumable(const grpc::Status& status) {
  if (Classify(status) != Failure::kAnswer || IsAway(status)) return true;
  switch (status.error_code()) {
    case grpc::StatusCode::CANCELLED:           // cut off by its shutdown
    case grpc::StatusCode::RESOURCE_EXHAUSTED:  // we read too slowly
      return true;
    default:
      return false;
  }
}

bool IsAway(const grpc::Status& status) {
  switch (Classify(status)) {
    case Failure::kRefused:
    case Failure::kBroken:
      return true;
    case Failure::kNoAnswer:
      return false;
    case Failure::kAnswer:
      return status.error_code() == grpc::StatusCode::UNAVAILABLE;
  }
  return false;
}

absl::Status UnreachableError(absl::StatusCode code, std::string_view message) {
  absl::Status status(code, std::string(message));
  status.SetPayload(kUnreachablePayload, absl::Cord());
  return status;
}

absl::Status Describe(const grpc::Status& status, std::string_view address,
                      absl::Duration timeout) {
  if (status.ok()) return absl::OkStatus();
  switch (Classify(status)) {
    case Failure::kRefused:
      return UnreachableError(
          absl::StatusCode::kUnavailable,
          fmt::format("cannot reach w2td at {}: {}", address,
                      Cause(status.error_message())));
    case Failure::kBroken:
      return UnreachableError(
          absl::StatusCode::kUnavailable,
          fmt::format("lost the connection to w2td at {}", address));
    case Failure::kNoAnswer:
      return UnreachableError(
          absl::StatusCode::kDeadlineExceeded,
          fmt::format("w2td at {} gave no answer within {}", address,
                      absl::FormatDuration(timeout)));
    case Failure::kAnswer:
      break;
  }
  if (status.error_code() == grpc::StatusCode::UNIMPLEMENTED) {
    return absl::UnimplementedError(fmt::format(
        "what listens at {} does not know this call: it is no w2td, or an "
        "older one",
        address));
  }
  return wire::FromGrpc(status);
}

bool IsUnreachable(const absl::Status& status) {
  return status.GetPayload(kUnreachablePayload).has_value();
}

}  // namespace w2t
