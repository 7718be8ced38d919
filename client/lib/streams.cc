#include <fmt/format.h>

#include <utility>

#include "absl/container/flat_hash_map.h"
#include "client/lib/impl.h"
#include "w2t/client.h"

namespace w2t {

namespace {

bool IsEnded(v1::RunState state) {
  return state == v1::RUN_STATE_SUCCEEDED || state == v1::RUN_STATE_FAILED ||
         state == v1::RUN_STATE_CANCELLED;
}

// Follows the sequence numbers of a watch.
class WatchCursor {
 public:
  explicit WatchCursor(uint64_t after_seq) : after_seq_(after_seq) {}

  uint64_t after_seq() const { return after_seq_; }
  void Restart() { after_seq_ = 0; }

  absl::Status Advance(const v1::WatchRunResponse& item) {
    if (item.has_snapshot()) {
      if (item.snapshot().last()) after_seq_ = item.snapshot().seq();
    } else if (item.has_events()) {
      const v1::EventBatch& events = item.events();
      if (events.first_seq() != after_seq_ + 1) {
        return absl::InternalError(fmt::format(
            "the daemon sent event {} after event {}; this is its fault",
            events.first_seq(), after_seq_));
      }
      after_seq_ += events.task_size();
    }
    return absl::OkStatus();
  }

 private:
  uint64_t after_seq_;
};

}  // namespace

absl::Status Client::Watch(
    std::string_view run_id, const WatchOptions& options,
    absl::FunctionRef<void(const v1::WatchRunResponse&)> on_item,
    std::stop_token stop) {
  WatchCursor cursor(options.after_seq);
  Impl::Stream<v1::WatchRunRequest, v1::WatchRunResponse> stream;
  stream.open = &v1::RunService::Stub::WatchRun;
  stream.request.set_run_id(std::string(run_id));
  stream.request.set_after_seq(cursor.after_seq());
  stream.on_item = [&](const v1::WatchRunResponse& item) -> Reading {
    if (absl::Status status = cursor.Advance(item); !status.ok()) {
      return {.status = std::move(status)};
    }
    stream.request.set_after_seq(cursor.after_seq());
    on_item(item);
    return {.done = item.has_ended()};
  };
  stream.recover = [&](const grpc::Status& status) {
    const bool compacted =
        cursor.after_seq() != 0 &&
        status.error_code() == grpc::StatusCode::OUT_OF_RANGE;
    if (!compacted) return false;
    cursor.Restart();
    stream.request.set_after_seq(0);
    return true;
  };
  return impl_->Read(stream, stop);
}

absl::StatusOr<v1::Run> Client::Wait(std::string_view run_id,
                                     std::stop_token stop) {
  v1::Run ended;
  Impl::Stream<v1::WatchRunRequest, v1::WatchRunResponse> stream;
  stream.open = &v1::RunService::Stub::WatchRun;
  stream.request.set_run_id(std::string(run_id));
  stream.request.set_end_only(true);
  stream.on_item = [&](const v1::WatchRunResponse& item) -> Reading {
    const bool in_snapshot =
        item.has_snapshot() && IsEnded(item.snapshot().run().state());
    if (item.has_ended()) ended = item.ended();
    if (in_snapshot) ended = item.snapshot().run();
    return {.done = item.has_ended() || in_snapshot};
  };
  const absl::Status status = impl_->Read(stream, stop);
  if (!status.ok()) return status;
  return ended;
}

absl::Status Client::ReadLogs(
    std::string_view run_id, std::string_view task, const LogOptions& options,
    absl::FunctionRef<void(const v1::ReadLogsResponse&)> on_item,
    std::stop_token stop) {
  Impl::Stream<v1::ReadLogsRequest, v1::ReadLogsResponse> stream;
  stream.open = &v1::RunService::Stub::ReadLogs;
  stream.ends_with_ok = true;
  v1::ReadLogsRequest& request = stream.request;
  request.set_run_id(std::string(run_id));
  request.set_task(std::string(task));
  request.set_attempt(options.attempt);
  request.set_offset(options.offset);
  request.set_follow(options.follow);
  stream.on_item = [&](const v1::ReadLogsResponse& item) -> Reading {
    on_item(item);
    request.set_offset(item.next_offset());
    if (request.attempt() == 0) request.set_attempt(item.attempt());
    return {};
  };
  return impl_->Read(stream, stop);
}

absl::Status Client::ReadRunLogs(
    std::string_view run_id, const std::vector<v1::LogPosition>& from,
    absl::FunctionRef<void(const v1::TaskOutput&)> on_part,
    std::stop_token stop) {
  Impl::Stream<v1::ReadRunLogsRequest, v1::ReadRunLogsResponse> stream;
  stream.open = &v1::RunService::Stub::ReadRunLogs;
  stream.ends_with_ok = true;
  stream.request.set_run_id(std::string(run_id));
  absl::flat_hash_map<uint32_t, int> places;  // in the request, by task
  for (const v1::LogPosition& position : from) {
    places[position.task()] = stream.request.positions_size();
    *stream.request.add_positions() = position;
  }
  stream.on_item = [&](const v1::ReadRunLogsResponse& item) -> Reading {
    for (const v1::TaskOutput& part : item.outputs()) {
      on_part(part);
      const auto [place, is_new] =
          places.try_emplace(part.task(), stream.request.positions_size());
      v1::LogPosition& position =
          is_new ? *stream.request.add_positions()
                 : *stream.request.mutable_positions(place->second);
      position.set_task(part.task());
      position.set_attempt(part.output().attempt() + (part.last() ? 1 : 0));
      position.set_offset(part.last() ? 0 : part.output().next_offset());
    }
    return {};
  };
  return impl_->Read(stream, stop);
}

}  // namespace w2t
