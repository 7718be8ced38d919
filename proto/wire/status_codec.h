// Status and faults between gRPC, protobuf and absl.
#ifndef W2T_PROTO_WIRE_STATUS_CODEC_H_
#define W2T_PROTO_WIRE_STATUS_CODEC_H_

#include <optional>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "w2t/diagnostic.h"
#include "w2t/v1/error.pb.h"

namespace grpc {
class Status;
}

namespace w2t::wire {

v1::Diagnostic ToProto(const Diagnostic& diagnostic);
v1::ErrorDetail ToProto(const Diagnostics& diagnostics);

// An error with `diagnostics` as its typed detail. The message is their summary
// and the code INVALID_ARGUMENT unless told otherwise.
absl::Status ToStatus(
    const Diagnostics& diagnostics,
    absl::StatusCode code = absl::StatusCode::kInvalidArgument);
// An error with one fault as its typed detail.
absl::Status ToStatus(const Diagnostic& diagnostic, absl::StatusCode code);
// The same error, saying that the call is worth another try after `wait`.
absl::Status WithRetryAfter(absl::Status status, absl::Duration wait);
// That wait; zero for an error that says nothing of the kind.
absl::Duration RetryAfter(const absl::Status& status);

// The typed detail travels in the status: in absl as a payload, in gRPC as the
// binary details of the standard envelope.
grpc::Status ToGrpc(const absl::Status& status);
absl::Status FromGrpc(const grpc::Status& status);
std::optional<v1::ErrorDetail> DetailOf(const absl::Status& status);

}  // namespace w2t::wire

#endif  // W2T_PROTO_WIRE_STATUS_CODEC_H_
