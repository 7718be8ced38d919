#include "proto/wire/graph_fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace w2t::wire {
namespace {

constexpr int32_t kMaxPriority = 1'000'000;
constexpr uint64_t kMaxMilli = 1'000'000'000;
constexpr absl::Duration kMaxBackoff = absl::Hours(24);
// Without any wait, what fails at once and for ever would never rest.
constexpr absl::Duration kUnlimitedBackoff = absl::Milliseconds(100);
constexpr absl::Duration kUnlimitedMaxBackoff = absl::Seconds(30);
constexpr absl::Duration kMaxEstimate = absl::Hours(24 * 365);

bool IsGraphNameCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
}

TaskKind DecodeKind(v1::TaskKind kind, const FieldPath& path,
                    FieldChecker* check) {
  if (!v1::TaskKind_IsValid(kind)) {
    check->Invalid(path.Field("kind"),
                   fmt::format("{} is no task kind", static_cast<int>(kind)));
  }
  return kind == v1::TASK_KIND_SERVICE ? TaskKind::kService : TaskKind::kTask;
}

bool DecodeAtMostOnce(v1::SideEffect effect, const FieldPath& path,
                      FieldChecker* check) {
  if (!v1::SideEffect_IsValid(effect)) {
    check->Invalid(
        path.Field("side_effect"),
        fmt::format("{} is no side effect", static_cast<int>(effect)));
  }
  return effect == v1::SIDE_EFFECT_AT_MOST_ONCE;
}

Condition DecodeCondition(v1::Condition condition, const FieldPath& path,
                          FieldChecker* check) {
  switch (condition) {
    case v1::CONDITION_UNSPECIFIED:
      return Condition::kDefault;
    case v1::CONDITION_SUCCEEDED:
      return Condition::kSucceeded;
    case v1::CONDITION_FINISHED:
      return Condition::kFinished;
    case v1::CONDITION_FAILED:
      return Condition::kFailed;
    case v1::CONDITION_STARTED:
      return Condition::kStarted;
    case v1::CONDITION_READY:
      return Condition::kReady;
    default:
      check->Invalid(
          path.Field("condition"),
          fmt::format("{} is no condition", static_cast<int>(condition)));
      return Condition::kDefault;
  }
}

// What Blueprint does not look at: the characters of a name.
void CheckCharacters(const FieldPath& path, const std::string& name,
                     FieldChecker* check) {
  const bool measured_elsewhere =
      name.empty() || name.size() > check->limits().max_name_bytes;
  if (!measured_elsewhere) check->Label(path, name);
}

void DecodeAttempts(const v1::RetryPolicy& retry, const FieldPath& path,
                    FieldChecker* check, RetryPolicy* policy) {
  if (retry.has_window()) {
    policy->window = check->Span(path.Field("window"), retry.window(),
                                 absl::ZeroDuration(), kMaxBackoff);
  }
  if (retry.unlimited()) {
    policy->attempts = RetryPolicy::kUnlimited;
    policy->initial_backoff = kUnlimitedBackoff;
    if (retry.attempts() != 0 || retry.has_window()) {
      check->Invalid(path.Field("unlimited"),
                     "must not be together with attempts or window");
    }
    return;
  }
  if (check->AtMost(path.Field("attempts"), "max_retry_attempts",
                    check->limits().max_retry_attempts, retry.attempts())) {
    policy->attempts = std::max<uint32_t>(retry.attempts(), 1);
  }
}

}  // namespace

void CheckGraphName(const v1::Graph& graph, const FieldPath& path,
                    FieldChecker* check) {
  const std::string& name = graph.name();
  if (std::all_of(name.begin(), name.end(), IsGraphNameCharacter)) return;
  check->Invalid(path.Field("name"),
                 fmt::format("'{}' may only have letters, digits, '-', '_' and "
                             "'.'",
                             Shown(name)));
}

TaskSpec DecodeTask(const v1::Task& task, const FieldPath& path,
                    FieldChecker* check) {
  TaskSpec spec;
  CheckCharacters(path.Field("name"), task.name(), check);
  spec.name = task.name();
  spec.kind = DecodeKind(task.kind(), path, check);
  spec.action = task.action();
  spec.trigger = task.trigger();
  spec.allow_failure = task.allow_failure();
  spec.fail_run = task.fail_run();
  spec.at_most_once = DecodeAtMostOnce(task.side_effect(), path, check);
  spec.removed = task.removed();
  // A name this long is no task's; Blueprint will say so.
  spec.undo_of = task.undo_of().size() > check->limits().max_name_bytes
                     ? Shown(task.undo_of())
                     : task.undo_of();
  spec.depends_on.reserve(task.depends_on_size());
  for (int i = 0; i < task.depends_on_size(); ++i) {
    const v1::Dependency& dependency = task.depends_on(i);
    // A name this long is no task's; Blueprint will say so.
    const bool hopeless =
        dependency.task().size() > check->limits().max_name_bytes;
    spec.depends_on.push_back(
        {hopeless ? Shown(dependency.task()) : dependency.task(),
         DecodeCondition(dependency.condition(), path.Entry("depends_on", i),
                         check),
         dependency.quorum(), dependency.restart()});
  }
  spec.quorums.assign(task.quorums().begin(), task.quorums().end());
  spec.priority = task.priority();
  if (spec.priority > kMaxPriority || spec.priority < -kMaxPriority) {
    check->Invalid(path.Field("priority"),
                   fmt::format("{} is not between {} and {}", spec.priority,
                               -kMaxPriority, kMaxPriority));
    spec.priority = 0;
  }
  if (task.has_estimate()) {
    spec.estimate = check->Span(path.Field("estimate"), task.estimate(),
                                absl::ZeroDuration(), kMaxEstimate);
  }
  return spec;
}

RetryPolicy DecodeRetry(const v1::RetryPolicy& retry, const FieldPath& path,
                        FieldChecker* check) {
  const Limits& limits = check->limits();
  RetryPolicy policy;
  DecodeAttempts(retry, path, check, &policy);
  if (retry.has_initial_backoff()) {
    policy.initial_backoff =
        check->Span(path.Field("initial_backoff"), retry.initial_backoff(),
                    absl::ZeroDuration(), kMaxBackoff);
  }
  policy.max_backoff =
      retry.unlimited() ? std::max(policy.initial_backoff, kUnlimitedMaxBackoff)
                        : policy.initial_backoff;
  if (retry.has_max_backoff()) {
    policy.max_backoff =
        check->Span(path.Field("max_backoff"), retry.max_backoff(),
                    absl::ZeroDuration(), kMaxBackoff);
    if (policy.max_backoff < policy.initial_backoff) {
      check->Invalid(path.Field("max_backoff"),
                     fmt::format("{} is less than initial_backoff, {}",
                                 absl::FormatDuration(policy.max_backoff),
                                 absl::FormatDuration(policy.initial_backoff)));
    }
  }
  if (check->AtMost(path.Field("exit_codes"), "max_exit_codes",
                    limits.max_exit_codes, retry.exit_codes_size())) {
    policy.exit_codes.assign(retry.exit_codes().begin(),
                             retry.exit_codes().end());
  }
  policy.on_success = retry.on_success();
  if (retry.has_stable_after()) {
    policy.stable_after =
        check->Span(path.Field("stable_after"), retry.stable_after(),
                    absl::ZeroDuration(), kMaxBackoff);
  }
  return policy;
}

std::vector<Resource> DecodeResources(
    const google::protobuf::RepeatedPtrField<v1::Resource>& resources,
    const FieldPath& path, FieldChecker* check) {
  std::vector<Resource> decoded;
  if (!check->AtMost(path.Field("resources"), "max_resources",
                     check->limits().max_resources, resources.size())) {
    return decoded;
  }
  for (int i = 0; i < resources.size(); ++i) {
    const v1::Resource& resource = resources[i];
    const FieldPath entry = path.Entry("resources", i);
    if (!check->Name(entry.Field("name"), resource.name())) continue;
    const auto same = [&](const Resource& r) {
      return r.name == resource.name();
    };
    if (std::any_of(decoded.begin(), decoded.end(), same)) {
      check->Invalid(entry.Field("name"), fmt::format("'{}' is listed twice",
                                                      Shown(resource.name())));
      continue;
    }
    if (resource.milli() > kMaxMilli) {
      check->Invalid(
          entry.Field("milli"),
          fmt::format("{} is more than {}", resource.milli(), kMaxMilli));
      continue;
    }
    decoded.push_back({resource.name(), resource.milli()});
  }
  std::erase_if(decoded, [](const Resource& r) { return r.milli == 0; });
  std::sort(
      decoded.begin(), decoded.end(),
      [](const Resource& a, const Resource& b) { return a.name < b.name; });
  return decoded;
}

std::vector<std::pair<std::string, std::string>> DecodeLabels(
    const google::protobuf::Map<std::string, std::string>& labels,
    const FieldPath& path, FieldChecker* check) {
  std::vector<std::pair<std::string, std::string>> decoded(labels.begin(),
                                                           labels.end());
  std::sort(decoded.begin(), decoded.end());
  for (const auto& [key, value] : decoded) {
    const FieldPath entry = path.Entry("labels", std::string_view(key));
    if (key.empty()) {
      check->Missing(path.Field("labels"), "has a label without a name");
    } else if (check->Label(entry, key)) {
      check->Label(entry, value);
    }
  }
  return decoded;
}

}  // namespace w2t::wire
