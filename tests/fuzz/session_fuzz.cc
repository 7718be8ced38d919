// Any bytes as what a worker sends: the first one says which message the others
// are.
#include <climits>
#include <cstddef>
#include <cstdint>

#include "proto/wire/session_codec.h"
#include "proto/wire/status_codec.h"
#include "tests/fuzz/program.h"

namespace {

using w2t::fuzz::Require;
using w2t::wire::FromProto;
using w2t::wire::ToProto;

void RequireFaults(const absl::Status& status) {
  Require(status.code() == absl::StatusCode::kInvalidArgument);
  Require(w2t::wire::DetailOf(status).has_value());
}

void TryHello(const w2t::v1::Hello& hello) {
  const absl::StatusOr<w2t::HelloEvent> event = FromProto(hello, w2t::Limits());
  if (!event.ok()) return RequireFaults(event.status());
  const absl::StatusOr<w2t::HelloEvent> again =
      FromProto(ToProto(event->spec), w2t::Limits());
  Require(again.ok() && again->spec == event->spec);
}

void TryReports(const w2t::v1::ReportBatch& batch) {
  const absl::StatusOr<w2t::ReportsEvent> event =
      FromProto(batch, w2t::Limits());
  if (!event.ok()) return RequireFaults(event.status());
  const absl::StatusOr<w2t::ReportsEvent> again =
      FromProto(ToProto(event->reports), w2t::Limits());
  Require(again.ok() && again->reports == event->reports);
}

void TryLeases(const w2t::v1::LeaseColumns& leases) {
  const absl::StatusOr<w2t::LeaseColumns> columns = FromProto(leases);
  if (!columns.ok()) return RequireFaults(columns.status());
  w2t::v1::LeaseColumns message;
  ToProto(*columns, &message);
  const absl::StatusOr<w2t::LeaseColumns> again = FromProto(message);
  Require(again.ok() && *again == *columns);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0 || size > INT_MAX) return 0;
  const int rest = static_cast<int>(size - 1);
  w2t::v1::Hello hello;
  w2t::v1::ReportBatch batch;
  w2t::v1::LeaseColumns leases;
  switch (data[0] % 3) {
    case 0:
      if (hello.ParseFromArray(data + 1, rest)) TryHello(hello);
      break;
    case 1:
      if (batch.ParseFromArray(data + 1, rest)) TryReports(batch);
      break;
    default:
      if (leases.ParseFromArray(data + 1, rest)) TryLeases(leases);
      break;
  }
  return 0;
}
