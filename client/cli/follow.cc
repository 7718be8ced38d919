#include "client/cli/follow.h"

#include <fmt/format.h>

#include <deque>
#include <utility>

#include "absl/time/clock.h"
#include "client/cli/exit_code.h"
#include "client/cli/report.h"

namespace w2t::cli {

namespace {

constexpr size_t kMailboxBound = 1'024;
// The first event of a run is its own beginning.
constexpr uint64_t kRunBegan = 1;
constexpr uint64_t kSubmitted = 1;  // revision
constexpr absl::Duration kRedraw = absl::Milliseconds(100);
// Output of a run that has ended is waited for as long as some comes.
constexpr absl::Duration kLogPatience = absl::Seconds(5);

}  // namespace

Follower::Follower(const Context& context, Client& client,
                   const Interrupts& interrupts, FollowOptions options)
    : context_(context),
      client_(client),
      interrupts_(interrupts),
      options_(std::move(options)),
      display_(context, options_.display),
      mailbox_(kMailboxBound),
      last_activity_(absl::Now()),
      give_up_(last_activity_ + options_.timeout),
      cause_(client_, options_.run_id, context.live) {
  context_.notices->Redirect(
      [this](std::string text) { mailbox_.PushPast(Notice{std::move(text)}); });
}

Follower::~Follower() {
  context_.notices->Redirect({});
  mailbox_.Close();
  stop_watch_.request_stop();
  if (watcher_.joinable()) watcher_.join();
}

void Follower::Fail(const absl::Status& status) {
  mailbox_.PushUrgent(Failed{status});
}

FollowResult Follower::Follow() {
  // Who comes later reads on from what the first snapshot says.
  if (options_.display.logs && options_.display.from_start) FollowLogs();
  if (options_.display.from_start && !context_.json()) Begin();
  watcher_ = std::thread([this] { Watch(); });
  std::stop_callback on_interrupt(
      interrupts_.token(), [this] { mailbox_.PushUrgent(Interrupted{}); });
  while (!over_) {
    std::deque<Item> items = mailbox_.PopAll(kRedraw);
    for (Item& item : items) Handle(item);
    if (!items.empty()) last_activity_ = absl::Now();
    const bool drained = !run_logs_.has_value() || up_ || logs_over_ ||
                         (items.empty() && !context_.notices->away() &&
                          absl::Now() - last_activity_ > kLogPatience);
    if (result_.run.has_value() && drained) over_ = true;
    if (!over_ && !result_.run.has_value()) LookForCause();
    if (!over_ && !result_.run.has_value() && absl::Now() > give_up_) GiveUp();
    if (!display_.Flush()) HandleLostOutput();
  }
  context_.notices->Redirect({});
  mailbox_.Close();
  if (result_.run.has_value()) {
    display_.ShowReport(context_.json() ? RunReport{.run = *result_.run}
                                        : GatherReport(client_, *result_.run));
  }
  display_.Flush();
  return result_;
}

void Follower::Begin() {
  if (options_.display.blueprint == nullptr) return;
  const Blueprint& blueprint = *options_.display.blueprint;
  v1::WatchRunResponse item;
  v1::RunSnapshot& snapshot = *item.mutable_snapshot();
  snapshot.mutable_run()->set_run_id(options_.run_id);
  snapshot.mutable_run()->set_name(std::string(blueprint.name()));
  snapshot.mutable_run()->set_state(v1::RUN_STATE_RUNNING);
  snapshot.mutable_run()->set_revision(kSubmitted);
  snapshot.mutable_run()->mutable_counts()->set_waiting(blueprint.size());
  snapshot.mutable_run()->mutable_counts()->set_dormant(blueprint.undos());
  for (TaskIndex task = 0; task < blueprint.size(); ++task) {
    snapshot.add_names(std::string(blueprint.task_name(task)));
    snapshot.add_states(v1::TASK_STATE_WAITING);
    snapshot.add_attempts(0);
    snapshot.add_services(blueprint.kind(task) == TaskKind::kService);
  }
  snapshot.set_last(true);
  HandleWatch(item);
  after_seq_ = kRunBegan;
}

void Follower::GiveUp() {
  const std::string cause = cause_.Ask(absl::Now());
  End(absl::FailedPreconditionError(fmt::format(
      "{} is not up after {}{}{}; it goes on, and `w2t watch {}` shows it",
      options_.run_id, LengthText(options_.timeout), cause.empty() ? "" : ": ",
      cause, options_.run_id)));
}

void Follower::Watch() {
  const absl::Status status = client_.Watch(
      options_.run_id, {.after_seq = after_seq_},
      [this](const v1::WatchRunResponse& item) { mailbox_.Push(item); },
      stop_watch_.get_token());
  mailbox_.Push(WatchEnded{status});
}

void Follower::Handle(Item& item) {
  if (const auto* response = std::get_if<v1::WatchRunResponse>(&item)) {
    HandleWatch(*response);
  } else if (const auto* part = std::get_if<v1::TaskOutput>(&item)) {
    display_.OnOutput(*part);
  } else if (std::holds_alternative<Interrupted>(item)) {
    HandleInterrupt();
  } else if (const auto* notice = std::get_if<Notice>(&item)) {
    ShowNotice(notice->text);
  } else if (const auto* ended = std::get_if<WatchEnded>(&item)) {
    if (!result_.run.has_value()) End(ended->status);
  } else if (const auto* read = std::get_if<LogsEnded>(&item)) {
    HandleLogsEnded(read->status);
  } else if (const auto* failed = std::get_if<Failed>(&item)) {
    if (!result_.run.has_value()) End(failed->status);
  }
}

void Follower::ShowNotice(const std::string& text) {
  if (context_.live && !context_.json()) {
    display_.OnNotice(text);
  } else {
    context_.notices->Write(text);
  }
}

void Follower::HandleWatch(const v1::WatchRunResponse& item) {
  const bool revised =
      item.snapshot().run().revision() != display_.view().run().revision();
  if (!first_snapshot_ && item.has_snapshot() &&
      item.snapshot().first_task() == 0 && !revised) {
    ShowNotice(
        "more has happened than the server keeps; some of it is not shown");
  }
  const std::vector<TaskChange> changes = display_.OnItem(item);
  if (!changes.empty()) cause_.Changed(absl::Now());
  for (const TaskChange& change : changes) {
    LetOutput(change.task, change.attempt, change.after);
  }
  if (item.has_snapshot() && item.snapshot().last() &&
      std::exchange(first_snapshot_, false) && options_.display.logs &&
      !options_.display.from_start && !IsEnded(display_.view().state())) {
    FollowLogs();
  }
  if (item.has_ended()) {
    result_.run = item.ended();
    if (run_logs_.has_value()) run_logs_->AllBegan();
  }
  if (options_.until_up && !result_.run.has_value() &&
      display_.view().complete() &&
      display_.view().state() == v1::RUN_STATE_UP) {
    EndUp();
  }
}

void Follower::EndUp() {
  absl::StatusOr<v1::Run> run = client_.GetRun(options_.run_id);
  if (!run.ok()) return End(run.status());
  up_ = true;
  result_.run = *std::move(run);
}

void Follower::FollowLogs() {
  // Who comes later does not want what is over, and who changes what is up not
  // what was there before.
  std::vector<v1::LogPosition> from;
  const std::vector<RunView::Task>& tasks = display_.view().tasks();
  for (uint32_t task = 0; task < tasks.size(); ++task) {
    const auto [attempt, state] =
        std::pair(tasks[task].attempt, tasks[task].state);
    if (attempt == 0) continue;
    const bool wanted =
        options_.until_up ? state == v1::TASK_STATE_LEASED : IsHeld(state);
    from.emplace_back().set_task(task);
    from.back().set_attempt(wanted ? attempt : attempt + 1);
  }
  run_logs_.emplace(
      client_, options_.run_id, std::move(from),
      RunLogs::Sink{
          .part = [this](const v1::TaskOutput& part) { mailbox_.Push(part); },
          .ended =
              [this](const absl::Status& status) {
                mailbox_.Push(LogsEnded{status});
              }});
  for (uint32_t task = 0; task < tasks.size(); ++task) {
    LetOutput(task, tasks[task].attempt, tasks[task].state);
  }
}

void Follower::HandleLogsEnded(const absl::Status& status) {
  logs_over_ = true;
  if (status.ok() || absl::IsCancelled(status) || absl::IsNotFound(status)) {
    return;
  }
  display_.OnNotice(fmt::format("the output of {} is incomplete: {}",
                                options_.run_id,
                                std::string(status.message())));
}

void Follower::LetOutput(uint32_t task, uint32_t attempt, v1::TaskState state) {
  if (!run_logs_.has_value() || attempt == 0) return;
  // One that a worker was given has not been shown as started.
  run_logs_->Began(task,
                   state == v1::TASK_STATE_LEASED ? attempt - 1 : attempt);
}

void Follower::HandleInterrupt() {
  if (std::exchange(result_.interrupted, true)) return;
  if (!options_.cancel_on_interrupt) {
    over_ = true;
    return;
  }
  display_.OnNotice("interrupted: cancelling the run; ^C again leaves at once");
  display_.Flush();
  Cancel("interrupted by its user");
}

void Follower::HandleLostOutput() {
  // Who ends a pipeline with ^C ends its reader, too.
  if (interrupts_.happened()) return HandleInterrupt();
  if (result_.run.has_value() || std::exchange(result_.lost_output, true)) {
    return;
  }
  if (!options_.cancel_on_lost_output) {
    over_ = true;
    return;
  }
  const std::string_view reason = context_.output_closed()
                                      ? "its output was closed"
                                      : "its output could not be written";
  context_.err << fmt::format("w2t: cancelling {}: {}\n", options_.run_id,
                              reason);
  Cancel(reason);
}

void Follower::Cancel(std::string_view reason) {
  const auto run = client_.Cancel(options_.run_id, reason);
  if (!run.ok()) End(run.status());
}

void Follower::LookForCause() {
  const auto hint =
      cause_.Look(display_.view(), context_.notices->away(), absl::Now());
  if (hint.has_value()) display_.SetHint(*hint);
}

void Follower::End(const absl::Status& status) {
  result_.status = status;
  over_ = true;
}

void TellHowToComeBack(std::string_view run_id, const Context& context) {
  context.err << fmt::format(
      "the run goes on; `w2t watch {0}` comes back to it, `w2t cancel {0}` "
      "ends it\n",
      run_id);
}

int LeaveUnread(std::string_view run_id, const Context& context) {
  context.err << fmt::format(
      "w2t: {0}; {1} goes on: `w2t watch {1}` comes back to it, `w2t cancel "
      "{1}` ends it\n",
      context.output_closed() ? "the output was closed"
                              : "the output cannot be written",
      run_id);
  return kFailed;
}

}  // namespace w2t::cli
