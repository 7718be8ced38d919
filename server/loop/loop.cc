#include "server/loop/loop.h"

#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "absl/time/clock.h"
#include "fmt/format.h"
#include "proto/wire/journal_codec.h"
#include "proto/wire/status_codec.h"
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
      engine_(options_.engine) {}

Loop::~Loop() { Stop(); }

absl::Status Loop::Replay() {
  const absl::Status replayed = journal_->Replay(
      [this](uint64_t number, std::string_view bytes) -> absl::Status {
        absl::StatusOr<FactBatch> batch = wire::DecodeBatch(bytes);
        if (!batch.ok()) return AtBatch(batch.status(), number);
        workers_.Learn(*batch);
        if (absl::Status status = engine_.Replay(*batch); !status.ok()) {
          return AtBatch(status, number);
        }
        return absl::OkStatus();
      });
  if (!replayed.ok()) return replayed;
  StepResult started = engine_.Start(absl::Now());
  if (!started.facts.facts.empty()) {
    const absl::Status appended =
        journal_->Append(engine_.epoch(), wire::EncodeBatch(started.facts));
    if (!appended.ok()) return appended;
    workers_.Learn(started.facts);
  }
  for (Action& action : started.actions) effects_->Perform(view(), action);
  effects_->Flush(view());
  return absl::OkStatus();
}

void Loop::Start() { thread_ = std::thread(&Loop::Run, this); }

void Loop::Run() {
  Inbox::Batch batch;
  while (inbox_->Pop(failed_ ? absl::InfiniteFuture() : engine_.NextWakeup(),
                     &batch)) {
    if (failed_) {
      Reject(batch);
    } else {
      Process(batch);
    }
    batch.Clear();
  }
  for (auto& [token, reply] : replies_) reply({StoppingStatus()}, nullptr);
  replies_.clear();
}

void Loop::Process(Inbox::Batch& batch) {
  const View now_view = view();
  for (Query& query : batch.early) query(&now_view);
  for (auto& [position, reply] : batch.replies) {
    const ReplyToken token{++last_token_};
    SetToken(batch.events[position], token);
    replies_.emplace(token, std::move(reply));
  }
  batch.replies.clear();

  const absl::Time now = absl::Now();
  absl::Span<Event> rest = absl::MakeSpan(batch.events);
  if (!rest.empty() || now >= engine_.NextWakeup()) {
    do {
      const size_t taken = StepSome(rest, now);
      if (failed_) {
        Reject(batch);
        return;
      }
      rest.remove_prefix(taken);
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
  if (!Carry(engine_.Step(some, now))) return count;
  for (const Event& event : some) {
    if (const SessionId session = SessionOf(event)) {
      effects_->Processed(session);
    }
  }
  TellIdle();
  return count;
}

bool Loop::Carry(StepResult result) {
  if (!result.facts.facts.empty()) {
    const absl::Status status =
        journal_->Append(engine_.epoch(), wire::EncodeBatch(result.facts));
    if (!status.ok()) {
      Fail(status);
      return false;
    }
    workers_.Learn(result.facts);
    effects_->Committed(view(), result.facts);
  }
  for (Action& action : result.actions) Perform(action);
  effects_->Flush(view());
  return true;
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

void Loop::Reject(Inbox::Batch& batch) {
  for (auto& [position, reply] : batch.replies) {
    reply({StoppingStatus()}, nullptr);
  }
  for (Query& query : batch.queries) query(nullptr);
}

void Loop::Fail(const absl::Status& status) {
  failed_ = true;
  for (auto& [token, reply] : replies_) reply({StoppingStatus()}, nullptr);
  replies_.clear();
  if (options_.on_failure) options_.on_failure(status);
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
