// What a failed call means: for the person who reads it, and for the question
// whether to try again.
#ifndef W2T_CLIENT_LIB_ERRORS_H_
#define W2T_CLIENT_LIB_ERRORS_H_

#include <cstdint>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace grpc {
class Status;
}

namespace w2t {

enum class Failure : uint8_t {
  kAnswer,    // the daemon said so
  kRefused,   // no connection came about
  kBroken,    // the connection broke while the call was on its way
  kNoAnswer,  // the deadline passed
};

// gRPC tells its own errors from the daemon's only by their
// words, so this knows those of the versions that we build with; words that it
// does not know count as the daemon's.
Failure Classify(const grpc::Status& status);

// True when a stream that ended with `status` is worth opening again.
bool IsResumable(const grpc::Status& status);

// True when no daemon took the call, or one took it that is about to go: worth
// trying again.
bool IsAway(const grpc::Status& status);

// As an absl::Status, with the typed detail. Errors of the connection name
// `address` and are recognized by IsUnreachable.
absl::Status Describe(const grpc::Status& status, std::string_view address,
                      absl::Duration timeout);

// An error of the connection, in words.
absl::Status UnreachableError(absl::StatusCode code, std::string_view message);

}  // namespace w2t

#endif  // W2T_CLIENT_LIB_ERRORS_H_
