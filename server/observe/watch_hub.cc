#include "server/observe/watch_hub.h"

#include <algorithm>
#include <string>
#include <utility>

#include "fmt/format.h"
#include "proto/wire/status_codec.h"
#include "proto/wire/view_codec.h"

namespace w2t::server {
namespace {

// Events in one message.
constexpr uint64_t kBatchEvents = 10'000;

auto NamerOf(const View& view) {
  return [&view](WorkerNumber worker) { return view.workers.Find(worker); };
}

SharedBytes Encode(const v1::WatchRunResponse& response, const Budget* budget) {
  return Share(response.SerializeAsString(), budget);
}

v1::Run RunOf(const View& view, const Run& run) {
  v1::Run out;
  wire::FillRunWithFailures(run, NamerOf(view), &out);
  return out;
}

SharedBytes EncodeEnd(const View& view, const Run& run, const Budget* budget) {
  v1::WatchRunResponse response;
  *response.mutable_ended() = RunOf(view, run);
  return Encode(response, budget);
}

SharedBytes EncodeHead(const View& view, const Run& run, const Budget* budget) {
  v1::WatchRunResponse response;
  *response.mutable_snapshot()->mutable_run() = RunOf(view, run);
  response.mutable_snapshot()->set_seq(run.last_seq());
  response.mutable_snapshot()->set_last(true);
  return Encode(response, budget);
}

std::vector<SharedBytes> EncodeEvents(const View& view, const Run& run,
                                      uint64_t after_seq,
                                      const Budget* budget) {
  std::vector<SharedBytes> messages;
  uint64_t first = after_seq + 1;
  while (first <= run.last_seq()) {
    const uint64_t last = std::min(run.last_seq(), first + kBatchEvents - 1);
    v1::WatchRunResponse response;
    wire::FillEvents(run, first, last, NamerOf(view),
                     response.mutable_events());
    messages.push_back(Encode(response, budget));
    first = last + 1;
  }
  return messages;
}

void PutSnapshot(const View& view, const Run& run, WatchFeed* feed) {
  feed->PutSnapshot(RunOf(view, run), run.last_seq(),
                    wire::TaskColumns::Of(run, NamerOf(view)));
}

// Whether the events after `seq` can be told to one who knows all up to it.
bool CanTell(const Run& run, uint64_t seq) {
  return seq + 1 >= run.first_seq() && seq >= run.revised_seq();
}

absl::Status NotKept(const Run& run, uint64_t after_seq) {
  Diagnostic fault;
  fault.code = DiagnosticCode::kInvalidValue;
  fault.field = "after_seq";
  fault.message =
      after_seq > run.last_seq()
          ? fmt::format("run {} has events up to {}, there is none after {}",
                        run.spec().run_id, run.last_seq(), after_seq)
          : fmt::format(
                "run {} keeps its events from {} on, those after {} "
                "are gone; watch from a snapshot instead",
                run.spec().run_id, std::max(run.first_seq(), run.revised_seq()),
                after_seq);
  return wire::ToStatus(fault, absl::StatusCode::kOutOfRange);
}

void Tell(const std::vector<std::weak_ptr<RunEndListener>>& listeners) {
  for (const auto& listener : listeners) {
    if (const auto live = listener.lock()) live->RunEnded();
  }
}

}  // namespace

absl::Status WatchHub::Watch(const View& view, const Run& run, const Wish& wish,
                             std::shared_ptr<WatchFeed> feed) {
  if (wish.after_seq != 0 && !wish.end_only &&
      (!CanTell(run, wish.after_seq) || wish.after_seq > run.last_seq())) {
    return NotKept(run, wish.after_seq);
  }
  if (wish.end_only) {
    feed->Put(EncodeHead(view, run, budget_));
  } else if (wish.after_seq == 0) {
    PutSnapshot(view, run, feed.get());
  } else {
    for (SharedBytes& events :
         EncodeEvents(view, run, wish.after_seq, budget_)) {
      feed->Put(std::move(events));
    }
  }
  if (IsEnded(run.state())) {
    feed->Put(EncodeEnd(view, run, budget_));
    feed->End(absl::OkStatus());
    return absl::OkStatus();
  }
  Watched& watched = runs_[run.spec().number];
  if (wish.end_only) {
    watched.end_only.push_back(std::move(feed));
    return absl::OkStatus();
  }
  // All earlier watchers have been flushed up to here.
  watched.sent_seq = run.last_seq();
  watched.feeds.push_back(std::move(feed));
  return absl::OkStatus();
}

void WatchHub::WhenEnded(const Run& run,
                         std::weak_ptr<RunEndListener> listener) {
  if (IsEnded(run.state())) return;
  runs_[run.spec().number].listeners.push_back(std::move(listener));
}

void WatchHub::Changed(RunNumber run) {
  const auto it = runs_.find(run);
  if (it == runs_.end() || it->second.changed) return;
  it->second.changed = true;
  changed_.push_back(run);
}

void WatchHub::Flush(const View& view) {
  for (const RunNumber number : changed_) {
    const auto it = runs_.find(number);
    if (it == runs_.end()) continue;
    Watched& watched = it->second;
    watched.changed = false;
    const Run* run = view.engine.FindRun(number);
    if (run == nullptr) continue;
    Update(view, *run, &watched);
    if (IsEnded(run->state())) {
      Finish(view, *run, &watched);
      runs_.erase(it);
    }
  }
  changed_.clear();
}

void WatchHub::Update(const View& view, const Run& run, Watched* watched) {
  DropGone(watched);
  if (watched->feeds.empty() || watched->sent_seq == run.last_seq()) return;
  if (!CanTell(run, watched->sent_seq)) {
    for (const auto& feed : watched->feeds) {
      PutSnapshot(view, run, feed.get());
    }
  } else {
    for (const SharedBytes& events :
         EncodeEvents(view, run, watched->sent_seq, budget_)) {
      for (const auto& feed : watched->feeds) feed->Put(events);
    }
  }
  watched->sent_seq = run.last_seq();
}

void WatchHub::Finish(const View& view, const Run& run, Watched* watched) {
  const SharedBytes end = EncodeEnd(view, run, budget_);
  for (auto* feeds : {&watched->feeds, &watched->end_only}) {
    for (const auto& feed : *feeds) {
      feed->Put(end);
      feed->End(absl::OkStatus());
    }
  }
  Tell(watched->listeners);
}

void WatchHub::DropGone(Watched* watched) {
  for (auto* feeds : {&watched->feeds, &watched->end_only}) {
    std::erase_if(*feeds, [](const auto& feed) { return feed->over(); });
  }
  std::erase_if(watched->listeners,
                [](const auto& listener) { return listener.expired(); });
}

void WatchHub::Sweep(RunNumber run) {
  const auto it = runs_.find(run);
  if (it == runs_.end()) return;
  DropGone(&it->second);
  if (it->second.feeds.empty() && it->second.end_only.empty() &&
      it->second.listeners.empty()) {
    runs_.erase(it);
  }
}

void WatchHub::Forget(RunNumber run, std::string_view run_id) {
  const auto it = runs_.find(run);
  if (it == runs_.end()) return;
  Diagnostic fault;
  fault.code = DiagnosticCode::kNotFound;
  fault.field = "run_id";
  fault.message = fmt::format(
      "run {} ended and was forgotten at once, because max_runs is reached",
      run_id);
  End(it->second, wire::ToStatus(fault, absl::StatusCode::kNotFound));
  runs_.erase(it);
}

void WatchHub::End(const Watched& watched, const absl::Status& status) {
  for (const auto* feeds : {&watched.feeds, &watched.end_only}) {
    for (const auto& feed : *feeds) feed->End(status);
  }
  Tell(watched.listeners);
}

void WatchHub::EndAll(const absl::Status& status) {
  for (const auto& [number, watched] : runs_) End(watched, status);
  runs_.clear();
  changed_.clear();
}

}  // namespace w2t::server
