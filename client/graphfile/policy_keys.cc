// How often, on what and where: retry, resources and host.
#include <limits>
#include <utility>

#include "client/graphfile/scalars.h"
#include "client/graphfile/task_keys.h"

namespace w2t::graphfile {
namespace {

constexpr int64_t kMaxCount = std::numeric_limits<uint32_t>::max();

void ReadAttempts(Context& context, const Field& field,
                  v1::RetryPolicy& retry) {
  const std::optional<int64_t> attempts =
      ReadInteger(context, field, 1, kMaxCount);
  if (attempts) retry.set_attempts(static_cast<uint32_t>(*attempts));
}

// "A" or "A..B".
void ReadBackoff(Context& context, const Field& field, v1::RetryPolicy& retry) {
  const std::string_view text = field.value.text();
  const size_t dots = text.find("..");
  const std::optional<absl::Duration> first =
      ParseDuration(text.substr(0, dots));
  const std::optional<absl::Duration> last =
      dots == std::string_view::npos ? first
                                     : ParseDuration(text.substr(dots + 2));
  if (!first || !last || *last < *first) {
    return WrongValue(context, field, "a duration or a range such as 1s..30s");
  }
  SetDuration(*first, retry.mutable_initial_backoff());
  SetDuration(*last, retry.mutable_max_backoff());
}

void ReadRetryCodes(Context& context, const Field& field,
                    v1::RetryPolicy& retry) {
  const auto codes = ReadNumbers(context, field, "exit codes", 0, 255);
  if (!codes) return;
  for (const int32_t code : *codes) retry.add_exit_codes(code);
}

constexpr KeyReader<v1::RetryPolicy> kRetryKeys[] = {
    {"attempts", ReadAttempts},
    {"backoff", ReadBackoff},
    {"exit_codes", ReadRetryCodes},
};

// A service that was up for this long counts as recovered.
constexpr absl::Duration kStableAfter = absl::Seconds(10);
// Between restarts, when the file names no time.
constexpr absl::Duration kFirstBackoff = absl::Milliseconds(100);
constexpr absl::Duration kLastBackoff = absl::Seconds(30);

void ReadPolicy(Context& context, const Field& field, v1::RetryPolicy& retry) {
  const std::string_view word =
      field.value.is_scalar() ? field.value.text() : std::string_view();
  const bool always = word == "always" || word == "unless-stopped";
  if (!always && word != "on-failure" && word != "on_failure") {
    return WrongValue(context, field, "no, on-failure or always");
  }
  retry.set_on_success(always);
}

// "N", or "N in T".
void ReadLimit(Context& context, const Field& field, v1::RetryPolicy& retry) {
  constexpr std::string_view kIn = " in ";
  const std::string_view text = field.value.text();
  const size_t in = text.find(kIn);
  const std::optional<int64_t> most = ParseInteger(text.substr(0, in));
  const std::optional<absl::Duration> window =
      in == std::string_view::npos
          ? absl::ZeroDuration()
          : ParseDuration(text.substr(in + kIn.size()));
  if (!most || *most < 1 || *most >= kMaxCount || !window) {
    return WrongValue(context, field,
                      "a number of restarts such as 5 or 5 in 10m");
  }
  retry.set_unlimited(false);
  retry.set_attempts(static_cast<uint32_t>(*most + 1));
  if (*window > absl::ZeroDuration()) {
    SetDuration(*window, retry.mutable_window());
  }
}

constexpr KeyReader<v1::RetryPolicy> kRestartKeys[] = {
    {"policy", ReadPolicy},
    {"backoff", ReadBackoff},
    {"limit", ReadLimit},
};

void ReadMemory(Context& context, const Field& field, v1::ExecLimits& limits) {
  const std::optional<uint64_t> bytes =
      field.value.is_scalar() ? ParseBytes(field.value.text()) : std::nullopt;
  if (!bytes || *bytes == 0) {
    return WrongValue(context, field, "an amount of memory such as 512MiB");
  }
  limits.set_memory_bytes(*bytes);
}

void ReadCpus(Context& context, const Field& field, v1::ExecLimits& limits) {
  const std::optional<uint64_t> milli =
      field.value.is_scalar() && !field.value.quoted()
          ? ParseThousandths(field.value.text())
          : std::nullopt;
  if (!milli || *milli == 0 || *milli > UINT32_MAX) {
    return WrongValue(context, field,
                      "a number of cpus with at most three decimals");
  }
  limits.set_cpu_milli(static_cast<uint32_t>(*milli));
}

constexpr KeyReader<v1::ExecLimits> kLimitKeys[] = {
    {"memory", ReadMemory},
    {"cpus", ReadCpus},
};

}  // namespace

// Services are restarted by the same policy as tasks are tried again.
void ReadRestart(Context& context, const Field& field, TaskDraft& draft) {
  if (draft.task.kind() != v1::TASK_KIND_SERVICE) {
    return context.faults.Add(
        field.key_at, "\"restart\" is for services; a task has \"retry\"");
  }
  draft.task.clear_retry();
  if (field.value.is_scalar() && field.value.text() == "no") return;
  v1::RetryPolicy& retry = *draft.task.mutable_retry();
  retry.set_unlimited(true);
  SetDuration(kFirstBackoff, retry.mutable_initial_backoff());
  SetDuration(kLastBackoff, retry.mutable_max_backoff());
  SetDuration(kStableAfter, retry.mutable_stable_after());
  if (field.value.is_map()) {
    ReadMap<v1::RetryPolicy>(context, field, kRestartKeys, {}, retry);
  } else {
    ReadPolicy(context, field, retry);
  }
}

void ReadRetry(Context& context, const Field& field, TaskDraft& draft) {
  v1::RetryPolicy& retry = *draft.task.mutable_retry();
  retry.Clear();
  if (field.value.is_map()) {
    ReadMap<v1::RetryPolicy>(context, field, kRetryKeys, {}, retry);
  } else {
    ReadAttempts(context, field, retry);
  }
}

void ReadResources(Context& context, const Field& field, TaskDraft& draft) {
  draft.task.clear_resources();
  draft.task.set_resources_set(true);
  VisitEntries(context, field, [&](const Field& entry) {
    const std::optional<uint64_t> milli =
        entry.value.is_scalar() && !entry.value.quoted()
            ? ParseThousandths(entry.value.text())
            : std::nullopt;
    if (!milli) {
      return WrongValue(context, entry, "a number with at most three decimals");
    }
    v1::Resource& resource = *draft.task.add_resources();
    resource.set_name(std::string(entry.name));
    resource.set_milli(*milli);
  });
}

void ReadLimits(Context& context, const Field& field, TaskDraft& draft) {
  v1::ExecLimits& limits = *draft.exec.mutable_limits();
  limits.Clear();
  ReadMap<v1::ExecLimits>(context, field, kLimitKeys, {}, limits);
  NoteExecOnly(field, draft);
}

void ReadHost(Context& context, const Field& field, TaskDraft& draft) {
  v1::HostSelector& host = *draft.task.mutable_host();
  host.Clear();
  if (field.value.is_map()) {
    VisitEntries(context, field, [&](const Field& entry) {
      std::optional<std::string> label = ReadText(context, entry);
      if (!label) return;
      (*host.mutable_labels())[std::string(entry.name)] = *std::move(label);
    });
    return;
  }
  if (!field.value.is_scalar()) {
    return WrongValue(context, field,
                      "the name of a worker or a map of labels");
  }
  std::optional<std::string> worker = ReadNonEmptyText(context, field);
  if (worker) host.set_worker(*std::move(worker));
}

}  // namespace w2t::graphfile
