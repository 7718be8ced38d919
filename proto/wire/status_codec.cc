#include "proto/wire/status_codec.h"

#include <google/protobuf/any.pb.h>
#include <grpcpp/support/status.h>

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>

#include "absl/strings/cord.h"
#include "absl/time/time.h"
#include "proto/wire/field.h"

namespace w2t::wire {
namespace {

constexpr char kDetailType[] = "type.googleapis.com/w2t.v1.ErrorDetail";

// A status travels in HTTP/2 trailers, of which gRPC takes 8 KiB in all unless
// told otherwise. There the message is percent-encoded and the details, which
// hold the message once more, are base64.
constexpr size_t kMaxMessageBytes = 1'024;
constexpr size_t kMaxDetailBytes = 4'096;

// Of one string of one fault.
constexpr size_t kMaxStringBytes = 1'024;
constexpr size_t kMaxPathEntries = 10'000;

size_t PercentEncodedBytes(std::string_view text) {
  size_t bytes = 0;
  for (const char c : text) bytes += c >= ' ' && c <= '~' && c != '%' ? 1 : 3;
  return bytes;
}

std::string FitMessage(std::string_view message) {
  std::string fit = Shown(message, kMaxMessageBytes);
  while (PercentEncodedBytes(fit) > kMaxMessageBytes) {
    fit = Shown(message, fit.size() * 3 / 4);
  }
  return fit;
}

// Leaves out, from the end, what is too much for a trailer; `total` still tells
// how many faults there are.
v1::ErrorDetail FitDetail(v1::ErrorDetail detail) {
  auto* const faults = detail.mutable_diagnostics();
  while (faults->size() > 1 && detail.ByteSizeLong() > kMaxDetailBytes) {
    faults->DeleteSubrange(faults->size() - (faults->size() + 3) / 4,
                           (faults->size() + 3) / 4);
  }
  if (faults->empty()) return detail;
  auto* const path = (*faults)[0].mutable_path();
  while (!path->empty() && detail.ByteSizeLong() > kMaxDetailBytes) {
    path->DeleteSubrange(path->size() - (path->size() + 3) / 4,
                         (path->size() + 3) / 4);
  }
  return detail;
}

void SetDetail(const v1::ErrorDetail& detail, absl::Status* status) {
  status->SetPayload(kDetailType, absl::Cord(detail.SerializeAsString()));
}

std::string Text(std::string_view text) { return Shown(text, kMaxStringBytes); }

}  // namespace

v1::Diagnostic ToProto(const Diagnostic& diagnostic) {
  v1::Diagnostic out;
  out.set_code(static_cast<v1::DiagnosticCode>(diagnostic.code));
  out.set_message(Text(diagnostic.message));
  out.set_field(Text(diagnostic.field));
  if (diagnostic.task != Diagnostic::kNone) {
    out.set_task(Text(diagnostic.task_name));
    out.set_task_index(diagnostic.task);
  }
  if (diagnostic.dependency != Diagnostic::kNone) {
    out.set_dependency_index(diagnostic.dependency);
  }
  const size_t entries = std::min(diagnostic.path.size(), kMaxPathEntries);
  for (size_t i = 0; i < entries; ++i) out.add_path(Text(diagnostic.path[i]));
  out.set_suggestion(Text(diagnostic.suggestion));
  out.set_limit_name(diagnostic.limit_name);
  out.set_limit(diagnostic.limit);
  out.set_value(diagnostic.value);
  return out;
}

v1::ErrorDetail ToProto(const Diagnostics& diagnostics) {
  v1::ErrorDetail detail;
  for (const Diagnostic& diagnostic : diagnostics.listed()) {
    *detail.add_diagnostics() = ToProto(diagnostic);
  }
  detail.set_total(static_cast<uint32_t>(diagnostics.total()));
  return detail;
}

absl::Status ToStatus(const Diagnostics& diagnostics, absl::StatusCode code) {
  absl::Status status(code, Shown(diagnostics.Summary(), 4 * kMaxMessageBytes));
  SetDetail(ToProto(diagnostics), &status);
  return status;
}

absl::Status ToStatus(const Diagnostic& diagnostic, absl::StatusCode code) {
  Diagnostics diagnostics;
  diagnostics.Add(diagnostic);
  return ToStatus(diagnostics, code);
}

absl::Status WithRetryAfter(absl::Status status, absl::Duration wait) {
  v1::ErrorDetail detail = DetailOf(status).value_or(v1::ErrorDetail());
  const int64_t ms = absl::ToInt64Milliseconds(wait);
  detail.mutable_retry_after()->set_seconds(ms / 1'000);
  detail.mutable_retry_after()->set_nanos(static_cast<int32_t>(ms % 1'000) *
                                          1'000'000);
  SetDetail(detail, &status);
  return status;
}

absl::Duration RetryAfter(const absl::Status& status) {
  const std::optional<v1::ErrorDetail> detail = DetailOf(status);
  if (!detail) return absl::ZeroDuration();
  return absl::Seconds(detail->retry_after().seconds()) +
         absl::Nanoseconds(detail->retry_after().nanos());
}

grpc::Status ToGrpc(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  const auto code = static_cast<grpc::StatusCode>(status.code());
  const absl::string_view words = status.message();
  const std::string message = FitMessage({words.data(), words.size()});
  const std::optional<v1::ErrorDetail> detail = DetailOf(status);
  if (!detail) return grpc::Status(code, message);
  v1::RpcStatus envelope;
  envelope.set_code(static_cast<int32_t>(code));
  envelope.set_message(message);
  google::protobuf::Any* const any = envelope.add_details();
  any->set_type_url(kDetailType);
  any->set_value(FitDetail(*detail).SerializeAsString());
  return grpc::Status(code, message, envelope.SerializeAsString());
}

absl::Status FromGrpc(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  absl::Status result(static_cast<absl::StatusCode>(status.error_code()),
                      status.error_message());
  v1::RpcStatus envelope;
  if (!envelope.ParseFromString(status.error_details())) return result;
  for (const google::protobuf::Any& any : envelope.details()) {
    v1::ErrorDetail detail;
    if (any.Is<v1::ErrorDetail>() && any.UnpackTo(&detail)) {
      SetDetail(detail, &result);
      break;
    }
  }
  return result;
}

std::optional<v1::ErrorDetail> DetailOf(const absl::Status& status) {
  const absl::optional<absl::Cord> payload = status.GetPayload(kDetailType);
  if (!payload) return std::nullopt;
  v1::ErrorDetail detail;
  if (!detail.ParseFromString(std::string(*payload))) return std::nullopt;
  return detail;
}

}  // namespace w2t::wire
