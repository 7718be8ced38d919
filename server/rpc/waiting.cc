#include "server/rpc/waiting.h"

#include <algorithm>
#include <string_view>

#include "fmt/format.h"
#include "proto/wire/field.h"
#include "proto/wire/graph_codec.h"

namespace w2t::server {
namespace {

constexpr size_t kMostShown = 80;  // bytes of a worker's or a user's words
// The worker's, when the graph names none.
constexpr absl::Duration kProbeDeadline = absl::Seconds(60);

// The worker's, when the graph names none.
constexpr absl::Duration kStopGrace = absl::Seconds(10);

const v1::Action& ActionOf(const Run& run, TaskIndex task) {
  const auto& definition =
      static_cast<const wire::GraphDefinition&>(*run.spec().definition);
  return definition.actions()[run.blueprint().action(task)];
}

std::string Words(const v1::Probe& probe) {
  switch (probe.kind_case()) {
    case v1::Probe::kTcp:
      return fmt::format("tcp:{}", wire::Shown(probe.tcp(), kMostShown));
    case v1::Probe::kExec:
      return fmt::format("exec:{}", wire::Shown(probe.exec(), kMostShown));
    case v1::Probe::kLogRegex:
      return fmt::format("log:{}", wire::Shown(probe.log_regex(), kMostShown));
    case v1::Probe::kLogText:
      return fmt::format("log:{}", wire::Shown(probe.log_text(), kMostShown));
    case v1::Probe::kHttp:
      return wire::Shown(probe.http().url(), kMostShown);
    case v1::Probe::kGrpc:
      return fmt::format("grpc:{}", wire::Shown(probe.grpc(), kMostShown));
    case v1::Probe::kNotify:
      return "notify";
    case v1::Probe::KIND_NOT_SET:
      break;
  }
  return "";
}

absl::Duration ToDuration(const google::protobuf::Duration& duration) {
  return absl::Seconds(duration.seconds()) +
         absl::Nanoseconds(duration.nanos());
}

// As exact as people want it; never negative.
std::string Shortly(absl::Duration time) {
  time = std::max(time, absl::ZeroDuration());
  return absl::FormatDuration(absl::Trunc(time, time < absl::Seconds(1)
                                                    ? absl::Milliseconds(1)
                                                    : absl::Seconds(1)));
}

}  // namespace

std::string Waiting::Of(TaskIndex task) {
  if (run_.KindOfWait(task) != WaitKind::kNone) return "";
  switch (run_.task(task).state) {
    case TaskState::kReady:
      return OfReady(task);
    case TaskState::kBackoff:
      return OfBackoff(task);
    case TaskState::kLeased:
    case TaskState::kRunning:
    case TaskState::kUp:
      return OfHeld(task);
    case TaskState::kCancelled:
      return OfCancelled(task);
    default:
      return "";
  }
}

std::string Waiting::OfReady(TaskIndex task) {
  const auto [it, fresh] =
      by_demand_.try_emplace(run_.blueprint().demand(task));
  if (fresh) it->second = engine_.WhyReady(run_, task);
  return it->second;
}

std::string Waiting::OfBackoff(TaskIndex task) const {
  const TaskRecord& record = run_.task(task);
  const TaskDetail* detail = run_.detail(task);
  std::string ended = fmt::format("exit code {}", record.exit_code);
  if (detail != nullptr && !detail->message.empty()) {
    ended = wire::Shown(detail->message, 2 * kMostShown);
  } else if (detail != nullptr && detail->signal != 0) {
    ended = fmt::format("signal {}", detail->signal);
  }
  return fmt::format("attempt {} ended: {}; attempt {} in {}{}", record.attempt,
                     ended, record.attempt + 1,
                     Until(record.end_us + run_.BackoffUs(task)),
                     AttemptsLeft(task));
}

std::string Waiting::AttemptsLeft(TaskIndex task) const {
  const RetryPolicy& retry = run_.blueprint().retry(task);
  const std::string_view what =
      run_.blueprint().kind(task) == TaskKind::kService ? "restarts"
                                                        : "attempts";
  if (retry.attempts == RetryPolicy::kUnlimited) {
    return fmt::format("; {} have no limit", what);
  }
  // The first attempt of a service is no restart.
  const uint32_t first = what == "restarts" ? 1 : 0;
  return fmt::format(
      "; {} of {} {} left{}", retry.attempts - run_.CountedAttempts(task),
      retry.attempts - first, what,
      retry.window > absl::ZeroDuration()
          ? fmt::format(" in {}", absl::FormatDuration(retry.window))
          : std::string());
}

std::string Waiting::OfHeld(TaskIndex task) const {
  const TaskRecord& record = run_.task(task);
  const Worker* worker = engine_.fleet().Find(record.worker);
  const v1::Action& action = ActionOf(run_, task);
  if (worker != nullptr && !worker->session) {
    const int64_t window_us =
        absl::ToInt64Microseconds(engine_.options().reattach_window);
    return fmt::format(
        "its worker {} is detached, and given up in {} unless it comes back",
        wire::Shown(worker->spec.name, kMostShown),
        Until(worker->detached_us + window_us));
  }
  if (record.stop_requested) {
    const absl::Duration grace = action.stop().has_grace()
                                     ? ToDuration(action.stop().grace())
                                     : kStopGrace;
    const absl::Duration since = now_ - absl::FromUnixMicros(record.end_us);
    if (since < grace) {
      return fmt::format("told to stop {} ago, and killed in {}",
                         Shortly(since), Shortly(grace - since));
    }
    return fmt::format(
        "told to stop {} ago, and being killed, since it was given {}",
        Shortly(since), absl::FormatDuration(grace));
  }
  if (record.state == TaskState::kLeased) {
    const std::optional<ProbeNews> news = NewsOf(worker, record);
    return news ? wire::Shown(news->message, 2 * kMostShown)
                : "its worker has not said yet that it has started";
  }
  if (record.state == TaskState::kUp) return "";
  if (!run_.blueprint().has_probe(task)) return "";
  const absl::Duration deadline = action.ready().has_deadline()
                                      ? ToDuration(action.ready().deadline())
                                      : kProbeDeadline;
  return fmt::format(
      "waits for its probe {}{}; {} left of its deadline",
      Words(action.ready()), LastProbe(worker, record),
      Until(record.start_us + absl::ToInt64Microseconds(deadline)));
}

std::string Waiting::OfCancelled(TaskIndex task) const {
  if (run_.blueprint().removed(task)) return "no longer in the graph";
  if (!run_.failures().empty() && run_.cancel_reason().empty()) {
    return fmt::format("because of {}",
                       run_.blueprint().task_name(run_.failures().front()));
  }
  return run_.cancel_reason().empty()
             ? "the run was cancelled"
             : fmt::format("the run was cancelled: {}",
                           wire::Shown(run_.cancel_reason(), 2 * kMostShown));
}

absl::Duration Waiting::TimeLeft(TaskIndex task) const {
  const TaskRecord& record = run_.task(task);
  const absl::Duration timeout = ToDuration(ActionOf(run_, task).timeout());
  if (!IsHeld(record.state) || record.start_us == 0 ||
      timeout == absl::ZeroDuration()) {
    return absl::InfiniteDuration();
  }
  return std::max(absl::FromUnixMicros(record.start_us) + timeout - now_,
                  absl::ZeroDuration());
}

std::optional<ProbeNews> Waiting::NewsOf(const Worker* worker,
                                         const TaskRecord& record) const {
  if (find_probe_ == nullptr || worker == nullptr) return std::nullopt;
  return find_probe_(worker->session, record.fence.value);
}

std::string Waiting::LastProbe(const Worker* worker,
                               const TaskRecord& record) const {
  const std::optional<ProbeNews> news = NewsOf(worker, record);
  if (!news) return "";
  return fmt::format("; probe {} failed {} ago: {}", news->count,
                     Shortly(now_ - news->when),
                     wire::Shown(news->message, 2 * kMostShown));
}

std::string Waiting::Until(int64_t us) const {
  return Shortly(absl::FromUnixMicros(us) - now_);
}

}  // namespace w2t::server
