// grpc.health.v1.Health/Check, spoken by hand: the system's packages have no
// generated code for it, and its messages are two bytes.
#include <fmt/format.h>
#include <grpcpp/generic/generic_stub.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "client/lib/impl.h"
#include "w2t/client.h"

namespace w2t {

namespace {

// A stream that stood for this long has come about.
constexpr absl::Duration kStood = absl::Seconds(2);

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

absl::Status Client::Impl::AwaitDaemon(const grpc::Status& status, Trial& trial,
                                       const std::stop_token& stop) {
  const absl::Time now = absl::Now();
  const bool taken = Classify(status) != Failure::kRefused;
  const bool stood = taken && now - trial.began >= kStood;
  if (trial.told || stood) {
    trial.gap.Reset();
    trial.give_up = absl::InfiniteFuture();
  }
  // A reader that was too slow, or a stream that was cut off, is no sign that
  // the daemon is away.
  if (!IsAway(status) && taken) {
    const absl::Status described =
        Describe(status, address, absl::ZeroDuration());
    const bool limit =
        status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED;
    if (limit && !trial.ever_told) return described;
    if (trial.give_up == absl::InfiniteFuture() && !trial.told) {
      trial.give_up = now + options.wait_for_server;
    }
    if (trial.gap.Wait(*channel, trial.give_up, stop)) return absl::OkStatus();
    return stop.stop_requested() ? absl::CancelledError("stopped") : described;
  }
  if (trial.give_up == absl::InfiniteFuture()) {
    trial.give_up = now + options.wait_for_server;
  }
  return AwaitServing(status, trial, stop);
}

absl::Status Client::Impl::AwaitServing(grpc::Status last, Trial& trial,
                                        const std::stop_token& stop) {
  const auto either = std::make_unique<std::stop_source>();
  const auto end = [&either] { either->request_stop(); };
  const std::stop_callback on_stop(stop, end);
  const std::stop_callback on_end(options.stop, end);
  while (true) {
    const absl::Status described =
        Describe(last, address, absl::ZeroDuration());
    const absl::Time until =
        std::min(outage.Lost(described, trial.began,
                             Classify(last) != Failure::kRefused),
                 trial.give_up);
    if (!trial.gap.Wait(*channel, until, either->get_token())) {
      return stop.stop_requested() ? absl::CancelledError("stopped")
                                   : described;
    }
    bool serving = false;
    const absl::Time deadline =
        std::min(until, absl::Now() + options.call_timeout);
    last = CheckHealth(channel, deadline, either->get_token(), &serving);
    if (stop.stop_requested()) return absl::CancelledError("stopped");
    // Whoever knows no health service is there, at least.
    if (serving || !(last.ok() || IsResumable(last))) break;
    if (last.ok()) {
      last = grpc::Status(
          grpc::StatusCode::UNAVAILABLE,
          fmt::format("w2td at {} runs but is not ready to serve", address));
    }
  }
  outage.Reached();
  return absl::OkStatus();
}

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
