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
#include "client/lib/outage.h"
#include "client/lib/redial.h"
#include "proto/wire/status_codec.h"
#include "proto/wire/utf8_fields.h"
#include "w2t/client.h"
#include "w2t/v1/admin_service.grpc.pb.h"
#include "w2t/v1/run_service.grpc.pb.h"

namespace w2t {

// Waits between attempts to reach a daemon.
class RedialGap {
 public:
  // Waits for the next gap, and for `least` if that is longer, or until a
  // connection that was down is up again. False when it was stopped, or would
  // end after `until`.
  bool Wait(grpc::Channel& channel, absl::Time until,
            const std::stop_token& stop,
            absl::Duration least = absl::ZeroDuration());
  void Reset() { redial_.Reset(); }

 private:
  Redial redial_;
};

// How a stream that is opened again and again has fared.
struct Trial {
  RedialGap gap;
  absl::Time began;   // latest opening
  bool told = false;  // since then
  bool ever_told = false;
  // Without any success it is given up then.
  absl::Time give_up = absl::InfiniteFuture();

  void Begin() {
    began = absl::Now();
    told = false;
  }
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
                    const Request& request, Response* response) {
    if (absl::Status checked = wire::CheckUtf8(request); !checked.ok()) {
      return checked;
    }
    RedialGap gap;
    const absl::Time first = absl::Now();
    while (true) {
      const absl::Time began = absl::Now();
      grpc::ClientContext context;
      context.set_deadline(absl::ToChronoTime(began + options.call_timeout));
      const grpc::Status status = (stub.*method)(&context, request, response);
      absl::Status described = Describe(status, address, options.call_timeout);
      if (!IsAway(status)) {
        if (Classify(status) != Failure::kNoAnswer) outage.Reached();
        const absl::Duration busy = wire::RetryAfter(described);
        if (busy > absl::ZeroDuration() &&
            gap.Wait(*channel, first + options.wait_for_server, options.stop,
                     busy)) {
          continue;
        }
        return described;
      }
      const absl::Time until =
          outage.Lost(described, began, Classify(status) != Failure::kRefused);
      if (!gap.Wait(*channel, until, options.stop)) return described;
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
  };

  template <typename Request, typename Response>
  absl::Status Read(const Stream<Request, Response>& stream,
                    const std::stop_token& stop) {
    if (absl::Status checked = wire::CheckUtf8(stream.request); !checked.ok()) {
      return checked;
    }
    Trial trial;
    while (true) {
      trial.Begin();
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
        outage.Reached();
        trial.told = trial.ever_told = true;
      }
      grpc::Status status = reader->Finish();
      if (stop.stop_requested()) return absl::CancelledError("stopped");
      if (status.ok()) {
        if (stream.ends_with_ok) return absl::OkStatus();
        status = grpc::Status(grpc::StatusCode::UNAVAILABLE, "Socket closed");
      }
      if (stream.recover && stream.recover(status)) continue;
      if (!IsResumable(status)) {
        outage.Reached();
        return Describe(status, address, absl::ZeroDuration());
      }
      const absl::Status back = AwaitDaemon(status, trial, stop);
      if (!back.ok()) return back;
    }
  }

  // After a stream was lost with `status`: OK once it is worth opening again,
  // else why it is not.
  absl::Status AwaitDaemon(const grpc::Status& status, Trial& trial,
                           const std::stop_token& stop);
  // The same when it was lost with `last` because the daemon is away.
  absl::Status AwaitServing(grpc::Status last, Trial& trial,
                            const std::stop_token& stop);

  const std::string address;
  const ClientOptions options;
  const std::shared_ptr<grpc::Channel> channel;
  const std::unique_ptr<v1::RunService::Stub> runs;
  const std::unique_ptr<v1::AdminService::Stub> admin;
  Outage outage{options};
};

}  // namespace w2t

#endif  // W2T_CLIENT_LIB_IMPL_H_
