// grpc.health.v1.Health/Check, spoken by hand: the system's packages have no
// generated code for it, and its messages are two bytes.
#include <fmt/format.h>
#include <grpcpp/generic/generic_stub.h>

#include <string>
#include <vector>

#include "client/lib/impl.h"
#include "w2t/client.h"

namespace w2t {

namespace {

constexpr char kCheckMethod[] = "/grpc.health.v1.Health/Check";
// Field 1, varint, SERVING.
constexpr std::string_view kServing("\x08\x01", 2);

std::string Bytes(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  if (!buffer.Dump(&slices).ok()) return std::string();
  std::string bytes;
  for (const grpc::Slice& slice : slices) {
    bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return bytes;
}

// Asks once. OK with `serving`, or the call's error.
grpc::Status CheckHealth(const std::shared_ptr<grpc::Channel>& channel,
                         absl::Time deadline, const std::stop_token& stop,
                         bool* serving) {
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(deadline));
  std::stop_callback cancel(stop, [&context] { context.TryCancel(); });
  grpc::GenericStub stub(channel);
  grpc::CompletionQueue queue;
  const grpc::Slice empty;
  const grpc::ByteBuffer request(&empty, 1);
  const auto call =
      stub.PrepareUnaryCall(&context, kCheckMethod, request, &queue);
  call->StartCall();
  grpc::ByteBuffer response;
  grpc::Status status;
  call->Finish(&response, &status, nullptr);
  void* tag = nullptr;
  bool ok = false;
  queue.Next(&tag, &ok);
  queue.Shutdown();
  while (queue.Next(&tag, &ok)) {
  }
  *serving = status.ok() && Bytes(response) == kServing;
  return status;
}

}  // namespace

absl::Status Client::WaitUntilServing(absl::Time deadline,
                                      std::stop_token stop) {
  const absl::Duration timeout = deadline - absl::Now();
  RedialGap gap;
  while (true) {
    bool serving = false;
    const grpc::Status status =
        CheckHealth(impl_->channel, deadline, stop, &serving);
    if (serving) return absl::OkStatus();
    if (stop.stop_requested()) return absl::CancelledError("stopped");
    const bool may_change = status.ok() || IsResumable(status);
    if (!may_change || !gap.Wait(*impl_->channel, deadline, stop)) {
      if (stop.stop_requested()) return absl::CancelledError("stopped");
      if (!status.ok()) return Describe(status, impl_->address, timeout);
      return UnreachableError(
          absl::StatusCode::kUnavailable,
          fmt::format("w2td at {} runs but is not ready to serve",
                      impl_->address));
    }
  }
}

}  // namespace w2t
