#include "server/rpc/read_run_logs_call.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "fmt/format.h"
#include "server/rpc/checks.h"

namespace w2t::server {
namespace {

// In one message: output, and tasks that are looked at for it.
constexpr uint64_t kMessageBytes = 256 * 1024;
constexpr size_t kMessageTasks = 256;
// Between two messages, for a reader that has all there is.
constexpr absl::Duration kGap = absl::Milliseconds(30);
// Too few places to be refused for.
constexpr size_t kFewPlaces = 1'000;

}  // namespace

grpc::ServerWriteReactor<v1::ReadRunLogsResponse>* ReadRunLogsCall::Start(
    const CallContext* context, const v1::ReadRunLogsRequest& request) {
  std::shared_ptr<ReadRunLogsCall> call(new ReadRunLogsCall(context, request));
  absl::Status begun = call->Begin(request);
  return LogCall::Start(std::move(call), std::move(begun));
}

ReadRunLogsCall::ReadRunLogsCall(const CallContext* context,
                                 const v1::ReadRunLogsRequest& request)
    : LogCall(context, request.run_id(), kGap), charge_(context->waiting, 0) {}

absl::Status ReadRunLogsCall::Begin(const v1::ReadRunLogsRequest& request) {
  const ServerLimits& limits = *context_->limits;
  absl::Status named =
      CheckName("run_id", run_id_, "max_name_bytes", 2 * limits.max_name_bytes);
  if (!named.ok()) return named;
  const auto count = static_cast<uint64_t>(request.positions_size());
  if (count > limits.max_tasks) {
    return OverLimit("the number of positions", "positions", "max_tasks",
                     limits.max_tasks, count);
  }
  absl::MutexLock lock(&places_mutex_);
  places_.reserve(count);
  for (int i = 0; i < request.positions_size(); ++i) {
    const v1::LogPosition& position = request.positions(i);
    const std::string field = fmt::format("positions[{}]", i);
    if (position.attempt() == 0) {
      return InvalidField(field + ".attempt", "attempts count from 1");
    }
    Place place{.attempt = position.attempt()};
    place.cursor = LogCursor(position.offset());
    if (!places_.try_emplace(position.task(), place).second) {
      return InvalidField(
          field + ".task",
          fmt::format("task {} has a position already", position.task()));
    }
    most_tasks_ = std::max(most_tasks_, uint64_t{position.task()} + 1);
  }
  return absl::OkStatus();
}

absl::Status ReadRunLogsCall::Charge() {
  charge_.Set(places_.capacity() * sizeof(decltype(places_)::value_type));
  const Budget* budget = context_->waiting;
  if (budget == nullptr || !budget->spent() || places_.size() <= kFewPlaces) {
    return absl::OkStatus();
  }
  return OverLimit("the number of bytes that are held for readers", "",
                   "max_waiting_bytes", budget->max_bytes(), budget->used(),
                   absl::StatusCode::kResourceExhausted);
}

absl::Status ReadRunLogsCall::Resolve(const Run& run) {
  const TaskIndex size = run.blueprint().size();
  if (most_tasks_ > size) {
    return NotFound("positions",
                    fmt::format("run {} has no task at position {}; it has {}",
                                run_id_, most_tasks_ - 1, size));
  }
  // What comes from now on is told; what was there before is looked for.
  Keep(context_->logs->SubscribeToRun(
      run_id_, [weak = std::weak_ptr<LogCall>(weak_from_this()), this](
                   const LogName& name, bool ended) {
        if (const auto call = weak.lock()) Tell(name, ended);
      }));
  std::vector<Earlier> earlier;
  for (TaskIndex task = 0; task < size; ++task) {
    const TaskRecord& record = run.task(task);
    if (record.attempt == 0) continue;
    earlier.push_back({task, record.attempt, HasEnded(record, record.attempt)});
  }
  {
    absl::MutexLock lock(&places_mutex_);
    earlier_ = std::move(earlier);
  }
  if (IsEnded(run.state())) {
    RunEnded();
  } else {
    context_->hub->WhenEnded(run, weak_from_this());
  }
  return absl::OkStatus();
}

// Attempts have ended once all that they printed is on the disk; so has the run
// behind them.
void ReadRunLogsCall::RunEnded() {
  context_->logs->MarkEnded(LogName::OfRun(run_id_));
}

void ReadRunLogsCall::Tell(const LogName& name, bool ended) {
  {
    absl::MutexLock lock(&places_mutex_);
    if (name.task == LogName::kAllTasks) {
      run_ended_ = true;
    } else {
      Note(name.task, name.attempt, /*fresh=*/!ended, ended);
    }
  }
  Changed();
}

void ReadRunLogsCall::Note(uint32_t task, uint32_t attempt, bool fresh,
                           bool ended) {
  Place& place = places_[task];
  if (attempt < place.attempt) return;
  place.latest = std::max(place.latest, attempt);
  // Where there is a later attempt, the one before it is over.
  place.ended = std::max(place.ended, ended ? attempt : attempt - 1);
  place.fresh |= fresh;
  if (!std::exchange(place.queued, true)) queue_.push_back(task);
}

absl::StatusOr<LogStep> ReadRunLogsCall::Fill(
    v1::ReadRunLogsResponse* response) {
  uint64_t bytes = 0;
  for (size_t tasks = 0; tasks < kMessageTasks && bytes < kMessageBytes;
       ++tasks) {
    uint32_t task = 0;
    {
      absl::MutexLock lock(&places_mutex_);
      for (const Earlier& known : std::exchange(earlier_, {})) {
        Note(known.task, known.attempt, /*fresh=*/true, known.ended);
      }
      if (absl::Status charged = Charge(); !charged.ok()) return charged;
      if (queue_.empty()) break;
      task = queue_.front();
      queue_.pop_front();
    }
    bytes += ReadTask(task, kMessageBytes - bytes, response);
  }
  absl::MutexLock lock(&places_mutex_);
  const bool told = response->outputs_size() > 0;
  if (!queue_.empty() || (run_ended_ && told)) {
    return told ? LogStep::kSendAndAsk : LogStep::kAsk;
  }
  if (told) return LogStep::kSend;
  return run_ended_ ? LogStep::kEnd : LogStep::kWait;
}

uint64_t ReadRunLogsCall::ReadTask(uint32_t task, uint64_t max_bytes,
                                   v1::ReadRunLogsResponse* response) {
  Place place;
  {
    absl::MutexLock lock(&places_mutex_);
    Place& known = places_[task];
    known.queued = false;
    place = known;
    known.fresh = false;
  }
  const bool ended = place.ended >= place.attempt;
  absl::StatusOr<LogRead> read = LogRead{.end = true, .eof = ended};
  if (place.fresh) {
    read = context_->logs->Read({run_id_, task, place.attempt}, &place.cursor,
                                max_bytes, ended);
  }
  const bool last = !read.ok() || read->eof;
  uint64_t bytes = 0;
  if (last || !read->chunks.empty()) {
    v1::TaskOutput& told = *response->add_outputs();
    told.set_task(task);
    told.set_last(last);
    if (!read.ok()) told.set_fault(std::string(read.status().message()));
    v1::ReadLogsResponse& output = *told.mutable_output();
    output.set_attempt(place.attempt);
    output.set_next_offset(place.cursor.offset());
    if (read.ok()) {
      for (v1::LogChunk& chunk : read->chunks) {
        bytes += chunk.data().size();
        *output.add_chunks() = std::move(chunk);
      }
    }
  }
  absl::MutexLock lock(&places_mutex_);
  Place& known = places_[task];
  known.cursor = last ? LogCursor() : place.cursor;
  if (last) known.attempt = place.attempt + 1;
  const bool next = last && known.latest >= known.attempt;
  known.fresh |= next || (!last && !read->end);
  if (known.fresh && !std::exchange(known.queued, true)) {
    queue_.push_back(task);
  }
  return bytes;
}

}  // namespace w2t::server
