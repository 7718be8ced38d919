#include "server/rpc/read_logs_call.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/time/time.h"
#include "fmt/format.h"
#include "grpcpp/alarm.h"
#include "proto/wire/status_codec.h"
#include "server/rpc/checks.h"

namespace w2t::server {
namespace {

// Output in one message.
constexpr uint64_t kPieceBytes = 256 * 1024;

// Whether an attempt will print nothing more.
bool HasEnded(const TaskRecord& record, uint32_t attempt) {
  if (attempt < record.attempt) return true;
  return record.attempt == 0 ? IsOutcome(record.state) : !IsHeld(record.state);
}

}  // namespace

grpc::ServerWriteReactor<v1::ReadLogsResponse>* ReadLogsCall::Start(
    const CallContext* context, const v1::ReadLogsRequest& request) {
  std::shared_ptr<ReadLogsCall> call(new ReadLogsCall(context, request));
  call->self_ = call;
  if (absl::Status status = call->Begin(); !status.ok()) {
    call->FinishOnce(status);
  }
  return call.get();
}

absl::Status ReadLogsCall::Begin() {
  const uint64_t limit = context_->limits->max_name_bytes;
  absl::Status status =
      CheckName("run_id", request_.run_id(), "max_name_bytes", 2 * limit);
  if (!status.ok()) return status;
  status = CheckName("task", request_.task(), "max_name_bytes", limit);
  if (!status.ok()) return status;
  status = context_->calls->Add(shared_from_this());
  if (!status.ok()) return status;
  return context_->inbox->TryAsk([call = shared_from_this()](const View* view) {
    LookAtRun(call->context_, view, call->request_.run_id(),
              [call](const absl::StatusOr<RunInView>& found) {
                const absl::Status resolved =
                    found.ok() ? call->Resolve(*found->run) : found.status();
                if (resolved.ok()) {
                  call->Changed();
                } else {
                  call->FinishOnce(resolved);
                }
              });
  });
}

absl::Status ReadLogsCall::Resolve(const Run& run) {
  const absl::StatusOr<TaskIndex> task = FindTask(run, request_.task());
  if (!task.ok()) return task.status();
  const TaskRecord& record = run.task(*task);
  // The first attempt may be read before it begins.
  const uint32_t latest = std::max(record.attempt, 1u);
  const uint32_t attempt =
      request_.attempt() == 0 ? latest : request_.attempt();
  if (attempt > latest) {
    return NotFound("attempt",
                    fmt::format("task '{}' of run {} has no attempt {}; its "
                                "latest one is {}",
                                request_.task(), request_.run_id(), attempt,
                                record.attempt));
  }
  name_ = {request_.run_id(), *task, attempt};
  attempt_ended_ = HasEnded(record, attempt);
  // The end of an attempt is known before all that it printed is on the disk,
  // so its readers wait for that too.
  waits_ = request_.follow() || attempt_ended_;
  if (!attempt_ended_ && request_.follow()) {
    // Ends are marked by this thread, so none can be missed in between.
    context_->hub->WhenEnded(run, weak_from_this());
  }
  if (waits_) {
    LogSubscription subscription =
        context_->logs->Subscribe(name_, [weak = weak_from_this()] {
          if (const auto call = weak.lock()) call->Changed();
        });
    absl::MutexLock lock(&mutex_);
    if (!finished_) {
      std::swap(subscription_, subscription);
      // Tells the reader that it misses nothing from now on.
      StartSendInitialMetadata();
    }
  }
  absl::MutexLock lock(&mutex_);
  resolved_ = true;
  return absl::OkStatus();
}

void ReadLogsCall::RunEnded() {
  attempt_ended_ = true;
  Changed();
}

void ReadLogsCall::Changed() {
  {
    absl::MutexLock lock(&mutex_);
    if (finished_ || !resolved_) return;
    if (pumping_) {
      again_ = true;
      return;
    }
    pumping_ = true;
  }
  PumpElsewhere();
}

void ReadLogsCall::PumpElsewhere() {
  auto alarm = std::make_shared<grpc::Alarm>();
  grpc::Alarm* fires = alarm.get();
  fires->Set(
      gpr_now(GPR_CLOCK_MONOTONIC),
      [alarm = std::move(alarm), call = shared_from_this()](bool) mutable {
        // The alarm holds this function, which must let go of it.
        const auto fired = std::move(alarm);
        const auto pumped = std::move(call);
        pumped->Pump();
      });
}

void ReadLogsCall::Pump() {
  while (true) {
    {
      absl::MutexLock lock(&mutex_);
      if (finished_) return;
      again_ = false;
    }
    absl::StatusOr<LogRead> read =
        context_->logs->Read(name_, &cursor_, kPieceBytes, attempt_ended_);
    if (!read.ok()) {
      FinishOnce(read.status());
      return;
    }
    if (!read->chunks.empty()) {
      response_.Clear();
      for (v1::LogChunk& chunk : read->chunks) {
        *response_.add_chunks() = std::move(chunk);
      }
      response_.set_next_offset(cursor_.offset());
      response_.set_attempt(name_.attempt);
      absl::MutexLock lock(&mutex_);
      if (!finished_) StartWrite(&response_);
      return;
    }
    if (read->eof || !waits_) {
      FinishOnce(absl::OkStatus());
      return;
    }
    absl::MutexLock lock(&mutex_);
    if (!again_) {
      pumping_ = false;
      return;
    }
  }
}

void ReadLogsCall::OnWriteDone(bool ok) {
  if (ok) {
    Pump();
  } else {
    FinishOnce(absl::CancelledError("the reader is gone"));
  }
}

void ReadLogsCall::FinishOnce(const absl::Status& status) {
  absl::MutexLock lock(&mutex_);
  if (finished_) return;
  finished_ = true;
  Finish(wire::ToGrpc(status));
}

void ReadLogsCall::Abort(const absl::Status& status) { FinishOnce(status); }

void ReadLogsCall::OnCancel() {
  FinishOnce(absl::CancelledError("the reader is gone"));
}

void ReadLogsCall::OnDone() {
  {
    LogSubscription subscription;
    absl::MutexLock lock(&mutex_);
    std::swap(subscription_, subscription);
  }
  const CallContext* context = context_;
  context->calls->Remove(this);
  std::string run_id = request_.run_id();
  self_.reset();
  SweepLater(context, std::move(run_id));
}

}  // namespace w2t::server
