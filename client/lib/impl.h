// The inside of Client: the channel, and how calls and streams are repeated.
#ifndef W2T_CLIENT_LIB_IMPL_H_
#define W2T_CLIENT_LIB_IMPL_H_

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "client/lib/errors.h"
#include "proto/wire/utf8_fields.h"
#include "w2t/client.h"
#include "w2t/v1/admin_service.grpc.pb.h"
#include "w2t/v1/run_service.grpc.pb.h"

namespace w2t {

// Gaps between attempts to reach a daemon: doubling, from `first` to `longest`.
class RedialGap {
 public:
  // Waits for the next gap, or until a connection that was down is up again.
  // False when it was stopped, or would end after `until`.
  bool Wait(grpc::Channel& channel, absl::Time until,
            const std::stop_token& stop);
  void Reset() { gap_ = kFirst; }

 private:
  static constexpr absl::Duration kFirst = absl::Milliseconds(50);
  static constexpr absl::Duration kLongest = absl::Seconds(2);
  absl::Duration gap_ = kFirst;
};

// What a reader says about a message of a stream.
struct Reading {
  bool done = false;    // the stream has told all
  absl::Status status;  // not OK: end with this
};

class Client::Impl {
 public:
  Impl(std::string address, const ClientOptions& options);

  template <typename Stub, typename Request, typename Response>
  absl::Status Call(Stub& stub,
                    grpc::Status (Stub::*method)(grpc::ClientContext*,
                                                 const Request&, Response*),
                    const Request& request, Response* response) const {
    if (absl::Status checked = wire::CheckUtf8(request); !checked.ok()) {
      return checked;
    }
    const absl::Time deadline = absl::Now() + options.call_timeout;
    RedialGap gap;
    bool broken = false;
    while (true) {
      grpc::ClientContext context;
      context.set_deadline(absl::ToChronoTime(deadline));
      const grpc::Status status = (stub.*method)(&context, request, response);
      if (status.ok()) return absl::OkStatus();
      const Failure failure = Classify(status);
      broken |= failure == Failure::kBroken;
      const bool again = broken && (failure == Failure::kBroken ||
                                    failure == Failure::kRefused);
      if (!again || !gap.Wait(*channel, deadline, {})) {
        return Describe(status, address, options.call_timeout);
      }
    }
  }

  // A server stream that is opened again after a lost connection.
  template <typename Request, typename Response>
  struct Stream {
    std::unique_ptr<grpc::ClientReader<Response>> (v1::RunService::Stub::*open)(
        grpc::ClientContext*, const Request&);
    // Kept by on_item such that the stream goes on where it was.
    Request request;
    std::function<Reading(const Response&)> on_item;
    // Whether the stream is complete when the daemon ends it with OK.
    bool ends_with_ok = false;
    // Told an error that ends the stream; true when it can go on after all.
    std::function<bool(const grpc::Status&)> recover;
    std::function<void(const absl::Status&)> on_interrupted;
  };

  template <typename Request, typename Response>
  absl::Status Read(const Stream<Request, Response>& stream,
                    const std::stop_token& stop) const {
    if (absl::Status checked = wire::CheckUtf8(stream.request); !checked.ok()) {
      return checked;
    }
    RedialGap gap;
    absl::Time until = absl::InfinitePast();  // until then it is worth trying
    bool interrupted = false;
    while (true) {
      grpc::ClientContext context;
      std::stop_callback cancel(stop, [&context] { context.TryCancel(); });
      const std::unique_ptr<grpc::ClientReader<Response>> reader =
          (*runs.*stream.open)(&context, stream.request);
      Response item;
      while (reader->Read(&item)) {
        const Reading reading = stream.on_item(item);
        if (reading.done || !reading.status.ok()) {
          context.TryCancel();
          reader->Finish();
          return reading.status;
        }
        until = absl::InfiniteFuture();
        interrupted = false;
        gap.Reset();
      }
      grpc::Status status = reader->Finish();
      if (stop.stop_requested()) return absl::CancelledError("stopped");
      if (status.ok()) {
        if (stream.ends_with_ok) return absl::OkStatus();
        status = grpc::Status(grpc::StatusCode::UNAVAILABLE, "Socket closed");
      }
      if (stream.recover && stream.recover(status)) continue;
      absl::Status described = Describe(status, address, absl::ZeroDuration());
      // A stream that never came about is not resumed; one that broke before it
      // had anything to tell is.
      const bool known = until != absl::InfinitePast() || WasOpen(status);
      if (!IsResumable(status) || !known) return described;
      if (!interrupted) {
        interrupted = true;
        until = absl::Now() + options.resume_for;
        if (stream.on_interrupted) stream.on_interrupted(described);
      }
      if (!gap.Wait(*channel, until, stop)) {
        return stop.stop_requested() ? absl::CancelledError("stopped")
                                     : described;
      }
    }
  }

  const std::string address;
  const ClientOptions options;
  const std::shared_ptr<grpc::Channel> channel;
  const std::unique_ptr<v1::RunService::Stub> runs;
  const std::unique_ptr<v1::AdminService::Stub> admin;
};

}  // namespace w2t

#endif  // W2T_CLIENT_LIB_IMPL_H_
