#include "server/loop/loop.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "absl/time/clock.h"
#include "fmt/format.h"
#include "proto/wire/journal_codec.h"
#include "proto/wire/status_codec.h"
#include "server/loop/ahead.h"
#include "server/loop/weight.h"

namespace w2t::server {
namespace {

// Those events that clients wait on have a token, which the loop chooses.
void SetToken(Event& event, ReplyToken token) {
  std::visit(
      [token](auto& e) {
        if constexpr (requires { e.token; }) e.token = token;
      },
      event);
}

// Whether a client waits for an answer to it.
bool IsCall(const Event& event) {
  return std::visit(
      [](const auto& e) {
        return requires { e.token; };
      },
      event);
}

// None for what does not come from a worker.
SessionId SessionOf(const Event& event) {
  return std::visit(
      [](const auto& e) -> SessionId {
        if constexpr (requires { e.session; }) {
          return e.session;
        } else {
          return {};
        }
      },
      event);
}

absl::Status AtBatch(const absl::Status& status, uint64_t batch) {
  return absl::Status(status.code(),
                      fmt::format("batch {} of the journal: {}", batch,
                                  std::string(status.message())));
}

// The engine's error with its faults as the typed detail.
absl::Status Detailed(const absl::Status& status, const Diagnostics& faults) {
  if (status.ok() || faults.empty()) return status;
  return wire::ToStatus(faults, status.code());
}

}  // namespace

Loop::Loop(Options options, Journal* journal, Inbox* inbox,
           LoopEffects* effects)
    : options_(std::move(options)),
      journal_(journal),
      inbox_(inbox),
      effects_(effects),
      engine_(options_.engine),
      snapshots_(journal) {}

Loop::~Loop() { Stop(); }

absl::Status Loop::Replay(absl::Time now) {
  const absl::Status restored = snapshots_.Restore(&engine_, &workers_);
  if (!restored.ok()) return restored;
  if (absl::Status folded = FoldBatches(); !folded.ok()) return folded;
  StepResult started = engine_.Start(now);
  if (!started.facts.facts.empty()) {
    const absl::Status appended =
        journal_->Append(engine_.epoch(), wire::EncodeBatch(started.facts));
    if (!appended.ok()) return appended;
    workers_.Learn(started.facts);
  }
  for (Action& action : started.actions) effects_->Perform(view(), action);
  effects_->Flush(view());
  if (journal_->snapshot_due()) Snapshot(now);
  return absl::OkStatus();
}

absl::Status Loop::FoldBatches() {
  Ahead<absl::StatusOr<FactBatch>> ahead;
  uint64_t folded = journal_->snapshot_batch();
  const auto fold_next = [&]() -> absl::Status {
    const absl::StatusOr<FactBatch> batch = ahead.Take();
    ++folded;
    if (!batch.ok()) return AtBatch(batch.status(), folded);
    workers_.Learn(*batch);
    absl::Status replayed = engine_.Replay(*batch);
    return replayed.ok() ? replayed : AtBatch(replayed, folded);
  };
  absl::Status status;
  const absl::Status read =
      journal_->Replay([&](uint64_t, std::string_view bytes) {
        while (status.ok() && ahead.full()) status = fold_next();
        ahead.Add(bytes.size(), [copy = std::string(bytes)] {
          return wire::DecodeBatch(copy);
        });
        return status;
      });
  // Of two faults the earlier one is told.
  while (status.ok() && !ahead.empty()) status = fold_next();
  return status.ok() ? read : status;
}

void Loop::Start() { thread_ = std::thread(&Loop::Run, this); }

void Loop::Run() {
  Inbox::Batch batch;
  while (inbox_->Pop(NextTurn(), &batch)) Turn(batch, absl::Now());
  if (stalled()) Carry(absl::Now());
  const bool all_is_durable = !stalled() && !failed_;
  if (all_is_durable && journal_->last_batch() > journal_->snapshot_batch()) {
    Snapshot(absl::Now());
  }
  RefuseReplies(StoppingStatus());
}

absl::Time Loop::NextTurn() const {
  if (failed_) return absl::InfiniteFuture();
  return stalled() ? retry_at_ : engine_.NextWakeup();
}

void Loop::Turn(Inbox::Batch& batch, absl::Time now) {
  if (failed_) {
    batch.RefuseCalls(StoppingStatus());
  } else if (stalled() && (now < retry_at_ || !Carry(now))) {
    Hold(batch, absl::MakeSpan(batch.events));
  } else {
    if (!held_.empty()) {
      held_.Add(std::move(batch));
      batch = std::exchange(held_, {});
    }
    Process(batch, now);
  }
  batch.Clear();
  if (!stalled() && !failed_ && journal_->snapshot_due() &&
      now >= snapshot_retry_at_) {
    Snapshot(now);
  }
}

void Loop::Snapshot(absl::Time now) {
  const absl::Status status = snapshots_.Write(&engine_, workers_);
  snapshot_retry_at_ =
      status.ok() ? absl::InfinitePast() : now + kSnapshotRetry;
  if (options_.on_snapshot) options_.on_snapshot(status);
}

void Loop::Process(Inbox::Batch& batch, absl::Time now) {
  const View now_view = view();
  for (Query& query : batch.early) query(&now_view);
  batch.early.clear();
  for (auto& [position, reply] : batch.replies) {
    const ReplyToken token{++last_token_};
    SetToken(batch.events[position], token);
    replies_.emplace(token, std::move(reply));
  }
  batch.replies.clear();

  absl::Span<Event> rest = absl::MakeSpan(batch.events);
  if (!rest.empty() || now >= engine_.NextWakeup()) {
    do {
      rest.remove_prefix(StepSome(rest, now));
      if (failed_ || stalled()) {
        Hold(batch, rest);
        return;
      }
    } while (!rest.empty());
  }
  for (Query& query : batch.queries) query(&now_view);
}

size_t Loop::StepSome(absl::Span<Event> events, absl::Time now) {
  size_t count = 0;
  for (size_t weight = 0; count < events.size(); ++count) {
    weight += WeightOf(events[count]);
    if (count > 0 && weight > kMaxStepBytes) break;
  }
  const absl::Span<Event> some = events.subspan(0, count);
  pending_ = engine_.Step(some, now);
  for (const Event& event : some) {
    if (const SessionId session = SessionOf(event)) {
      processed_.push_back(session);
    }
  }
  Carry(now);
  return count;
}

bool Loop::Carry(absl::Time now) {
  const FactBatch& facts = pending_->facts;
  if (!facts.facts.empty()) {
    const absl::Status status =
        journal_->Append(engine_.epoch(), wire::EncodeBatch(facts));
    if (!status.ok()) {
      Stall(status, now);
      return false;
    }
    if (retry_at_ != absl::InfinitePast()) {
      retry_at_ = absl::InfinitePast();
      inbox_->TakeAgain();
      if (options_.on_stall) options_.on_stall(absl::OkStatus());
    }
    workers_.Learn(facts);
    effects_->Committed(view(), facts);
  }
  StepResult result = *std::exchange(pending_, std::nullopt);
  for (Action& action : result.actions) Perform(action);
  effects_->Flush(view());
  for (const SessionId session : processed_) effects_->Processed(session);
  processed_.clear();
  TellIdle();
  return true;
}

void Loop::Stall(const absl::Status& status, absl::Time now) {
  if (!absl::IsResourceExhausted(status) && !absl::IsUnavailable(status)) {
    Fail(status);
    return;
  }
  const bool first = retry_at_ == absl::InfinitePast();
  retry_delay_ =
      first ? kFirstRetry : std::min(2 * retry_delay_, kLongestRetry);
  retry_at_ = now + retry_delay_;
  if (!first) return;
  const std::string cause(status.message());
  inbox_->Refuse(absl::Status(
      status.code(),
      fmt::format("the daemon accepts nothing until it can write: {}", cause)));
  RefuseReplies(absl::Status(
      status.code(),
      fmt::format("what was asked is not durable, and may still be done once "
                  "the daemon can write again: {}",
                  cause)));
  if (options_.on_stall) options_.on_stall(status);
}

void Loop::Hold(Inbox::Batch& batch, absl::Span<Event> rest) {
  batch.RefuseCalls(inbox_->WhyRefused());
  if (failed_) return;
  std::ranges::move(batch.early, std::back_inserter(held_.early));
  for (Event& event : rest) {
    if (!IsCall(event)) held_.events.push_back(std::move(event));
  }
}

void Loop::Perform(Action& action) {
  ReplyToken token;
  Answer answer;
  if (auto* submit = std::get_if<SubmitReply>(&action)) {
    token = submit->token;
    answer = {Detailed(submit->status, submit->faults),
              std::move(submit->run_id), submit->existing};
  } else if (auto* status = std::get_if<StatusReply>(&action)) {
    token = status->token;
    answer.status = Detailed(status->status, status->faults);
  } else {
    effects_->Perform(view(), action);
    return;
  }
  const auto it = replies_.find(token);
  if (it == replies_.end()) return;
  Reply reply = std::move(it->second);
  replies_.erase(it);
  const View now_view = view();
  reply(answer, &now_view);
}

void Loop::Fail(const absl::Status& status) {
  failed_ = true;
  pending_.reset();
  inbox_->Refuse(StoppingStatus());
  RefuseReplies(StoppingStatus());
  if (options_.on_failure) options_.on_failure(status);
}

void Loop::RefuseReplies(const absl::Status& why) {
  for (auto& [token, reply] : replies_) reply({why}, nullptr);
  replies_.clear();
}

void Loop::TellIdle() {
  if (idle_told_ || !engine_.draining() || !engine_.idle()) return;
  idle_told_ = true;
  if (options_.on_idle) options_.on_idle();
}

void Loop::Stop() {
  inbox_->Close();
  if (thread_.joinable()) thread_.join();
}

}  // namespace w2t::server
