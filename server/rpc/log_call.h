// LogCall: what calls have in common that send output until there is no more.
// The loop finds out what is meant; the reading is done on gRPC's threads, one
// message in flight.
#ifndef W2T_SERVER_RPC_LOG_CALL_H_
#define W2T_SERVER_RPC_LOG_CALL_H_

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "grpcpp/alarm.h"
#include "grpcpp/support/server_callback.h"
#include "proto/wire/status_codec.h"
#include "server/logs/log_store.h"
#include "server/rpc/run_query.h"

namespace w2t::server {

// What is to be done with what a call has filled in.
enum class LogStep {
  kWait,        // there is nothing: wait for Changed
  kAsk,         // there is nothing so far: ask for more
  kSend,        // send it, then wait for Changed
  kSendAndAsk,  // send it, then ask for more
  kEnd,         // there is nothing, and never will be
};

// Whether an attempt will print nothing more.
inline bool HasEnded(const TaskRecord& record, uint32_t attempt) {
  if (attempt < record.attempt) return true;
  return record.attempt == 0 ? IsOutcome(record.state) : !IsHeld(record.state);
}

template <typename Response>
class LogCall : public grpc::ServerWriteReactor<Response>,
                public OpenCall,
                public RunEndListener,
                public std::enable_shared_from_this<LogCall<Response>> {
 public:
  // `call` has checked its request with `checked`.
  static grpc::ServerWriteReactor<Response>* Start(
      std::shared_ptr<LogCall> call, absl::Status checked) {
    call->self_ = call;
    if (checked.ok()) checked = call->Ask();
    if (!checked.ok()) call->FinishOnce(checked);
    return call.get();
  }

  void Abort(const absl::Status& status) override { FinishOnce(status); }
  void OnCancel() override {
    FinishOnce(absl::CancelledError("the reader is gone"));
  }
  void OnWriteDone(bool ok) override;
  void OnDone() override;

 protected:
  // At least `gap` after a message before what comes later is sent, so that
  // small things go together.
  LogCall(const CallContext* context, std::string run_id, absl::Duration gap)
      : context_(context), run_id_(std::move(run_id)), gap_(gap) {}

  // On the loop: finds what is to be read, and listens for more of it.
  virtual absl::Status Resolve(const Run& run) = 0;
  // Fills in what comes next; one at a time, and not before Resolve. May read
  // the disk.
  virtual absl::StatusOr<LogStep> Fill(Response* response) = 0;

  // There may be more to read. On any thread.
  void Changed();
  // Keeps a subscription as long as the call lasts, and tells the reader that
  // it misses nothing from now on.
  void Keep(LogSubscription subscription);

  const CallContext* const context_;
  const std::string run_id_;

 private:
  absl::Status Ask();
  void FillLater(absl::Duration delay);
  void FillNow();
  void FinishOnce(const absl::Status& status);

  const absl::Duration gap_;
  Response response_;  // of whoever fills it
  bool ask_ = false;   // likewise

  absl::Mutex mutex_;
  LogSubscription subscription_ ABSL_GUARDED_BY(mutex_);
  absl::Time next_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  bool resolved_ ABSL_GUARDED_BY(mutex_) = false;
  bool busy_ ABSL_GUARDED_BY(mutex_) = false;  // filling or sending
  bool again_ ABSL_GUARDED_BY(mutex_) = false;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
  // gRPC's share of the ownership.
  std::shared_ptr<LogCall> self_;
};

template <typename Response>
absl::Status LogCall<Response>::Ask() {
  const std::shared_ptr<LogCall> call = self_;
  if (absl::Status added = context_->calls->Add(call); !added.ok()) {
    return added;
  }
  return context_->inbox->TryAsk([call](const View* view) {
    LookAtRun(call->context_, view, call->run_id_,
              [call](const absl::StatusOr<RunInView>& found) {
                const absl::Status resolved =
                    found.ok() ? call->Resolve(*found->run) : found.status();
                if (!resolved.ok()) return call->FinishOnce(resolved);
                {
                  absl::MutexLock lock(&call->mutex_);
                  call->resolved_ = true;
                }
                call->Changed();
              });
  });
}

template <typename Response>
void LogCall<Response>::Keep(LogSubscription subscription) {
  absl::MutexLock lock(&mutex_);
  if (finished_) return;
  std::swap(subscription_, subscription);
  this->StartSendInitialMetadata();
}

template <typename Response>
void LogCall<Response>::Changed() {
  absl::Duration delay;
  {
    absl::MutexLock lock(&mutex_);
    if (finished_ || !resolved_) return;
    again_ = true;
    if (std::exchange(busy_, true)) return;
    // The clock may have been set back.
    delay = std::clamp(next_ - absl::Now(), absl::ZeroDuration(), gap_);
  }
  FillLater(delay);
}

template <typename Response>
void LogCall<Response>::FillLater(absl::Duration delay) {
  auto alarm = std::make_shared<grpc::Alarm>();
  grpc::Alarm* fires = alarm.get();
  fires->Set(gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC),
                          gpr_time_from_micros(absl::ToInt64Microseconds(delay),
                                               GPR_TIMESPAN)),
             [alarm = std::move(alarm),
              call = this->shared_from_this()](bool) mutable {
               // The alarm holds this function, which must let go of it.
               const auto fired = std::move(alarm);
               const auto filled = std::move(call);
               filled->FillNow();
             });
}

template <typename Response>
void LogCall<Response>::FillNow() {
  while (true) {
    {
      absl::MutexLock lock(&mutex_);
      if (finished_) return;
      again_ = false;
    }
    response_.Clear();
    const absl::StatusOr<LogStep> step = Fill(&response_);
    if (!step.ok() || *step == LogStep::kEnd) return FinishOnce(step.status());
    if (*step == LogStep::kAsk) continue;
    absl::MutexLock lock(&mutex_);
    if (*step != LogStep::kWait) {
      ask_ = *step == LogStep::kSendAndAsk;
      if (!finished_) this->StartWrite(&response_);
      return;
    }
    if (!again_) {
      busy_ = false;
      return;
    }
  }
}

template <typename Response>
void LogCall<Response>::OnWriteDone(bool ok) {
  if (!ok) return FinishOnce(absl::CancelledError("the reader is gone"));
  if (ask_) return FillNow();
  {
    absl::MutexLock lock(&mutex_);
    next_ = absl::Now() + gap_;
    busy_ = again_;
    if (!busy_) return;
  }
  FillLater(gap_);
}

template <typename Response>
void LogCall<Response>::FinishOnce(const absl::Status& status) {
  absl::MutexLock lock(&mutex_);
  if (finished_) return;
  finished_ = true;
  this->Finish(wire::ToGrpc(status));
}

template <typename Response>
void LogCall<Response>::OnDone() {
  {
    LogSubscription subscription;
    absl::MutexLock lock(&mutex_);
    std::swap(subscription_, subscription);
  }
  const CallContext* context = context_;
  context->calls->Remove(this);
  std::string run_id = run_id_;
  self_.reset();
  SweepLater(context, std::move(run_id));
}

}  // namespace w2t::server

#endif  // W2T_SERVER_RPC_LOG_CALL_H_
