// The worker protocol between protobuf and core.
#ifndef W2T_PROTO_WIRE_SESSION_CODEC_H_
#define W2T_PROTO_WIRE_SESSION_CODEC_H_

#include "absl/status/statusor.h"
#include "core/engine/event.h"
#include "core/fleet/worker_spec.h"
#include "core/run/lease.h"
#include "w2t/limits.h"
#include "w2t/v1/worker_service.pb.h"

namespace w2t::wire {

// Reuses the memory of `out`.
void ToProto(const LeaseColumns& leases, v1::LeaseColumns* out);
// INVALID_ARGUMENT when the columns differ in length.
absl::StatusOr<LeaseColumns> FromProto(const v1::LeaseColumns& leases);

v1::Hello ToProto(const WorkerSpec& spec);
// INVALID_ARGUMENT with a typed detail for each fault. Does not set session.
absl::StatusOr<HelloEvent> FromProto(const v1::Hello& hello,
                                     const Limits& limits);

v1::ReportBatch ToProto(const ReportColumns& reports);
// INVALID_ARGUMENT with a typed detail. Sets seq and reports only.
absl::StatusOr<ReportsEvent> FromProto(const v1::ReportBatch& batch,
                                       const Limits& limits);

}  // namespace w2t::wire

#endif  // W2T_PROTO_WIRE_SESSION_CODEC_H_
