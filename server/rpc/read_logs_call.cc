#include "server/rpc/read_logs_call.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "fmt/format.h"
#include "server/rpc/checks.h"

namespace w2t::server {
namespace {

// Output in one message.
constexpr uint64_t kPieceBytes = 256 * 1024;

}  // namespace

grpc::ServerWriteReactor<v1::ReadLogsResponse>* ReadLogsCall::Start(
    const CallContext* context, const v1::ReadLogsRequest& request) {
  std::shared_ptr<ReadLogsCall> call(new ReadLogsCall(context, request));
  absl::Status checked = call->Check();
  return LogCall::Start(std::move(call), std::move(checked));
}

absl::Status ReadLogsCall::Check() const {
  const uint64_t limit = context_->limits->max_name_bytes;
  absl::Status status =
      CheckName("run_id", request_.run_id(), "max_name_bytes", 2 * limit);
  if (!status.ok()) return status;
  return CheckName("task", request_.task(), "max_name_bytes", limit);
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
    Keep(context_->logs->Subscribe(
        name_, [weak = std::weak_ptr<LogCall>(weak_from_this()), this] {
          if (const auto call = weak.lock()) Changed();
        }));
  }
  return absl::OkStatus();
}

void ReadLogsCall::RunEnded() {
  attempt_ended_ = true;
  Changed();
}

absl::StatusOr<LogStep> ReadLogsCall::Fill(v1::ReadLogsResponse* response) {
  absl::StatusOr<LogRead> read =
      context_->logs->Read(name_, &cursor_, kPieceBytes, attempt_ended_);
  if (!read.ok()) return read.status();
  if (read->chunks.empty()) {
    return read->eof || !waits_ ? LogStep::kEnd : LogStep::kWait;
  }
  for (v1::LogChunk& chunk : read->chunks) {
    *response->add_chunks() = std::move(chunk);
  }
  response->set_next_offset(cursor_.offset());
  response->set_attempt(name_.attempt);
  return LogStep::kSendAndAsk;
}

}  // namespace w2t::server
