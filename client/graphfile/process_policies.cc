// When a process starts anew, and how it is stopped.
#include <fmt/format.h>

#include <limits>
#include <utility>

#include "client/graphfile/process_keys.h"
#include "client/graphfile/task_keys.h"

namespace w2t::graphfile {
namespace {

constexpr int64_t kMaxCount = std::numeric_limits<uint32_t>::max();

struct Availability {
  std::string restart = "no";
  absl::Duration backoff = absl::Seconds(1);
  int64_t max_restarts = 0;  // 0: no bound
};

void ReadRestart(Context& context, const Field& field,
                 Availability& availability) {
  const std::string_view word = field.value.text();
  if (word != "no" && word != "on_failure" && word != "always" &&
      word != "exit_on_failure") {
    return WrongValue(context, field,
                      "no, on_failure, always or exit_on_failure");
  }
  availability.restart = std::string(word);
}

void ReadBackoffSeconds(Context& context, const Field& field,
                        Availability& availability) {
  const std::optional<absl::Duration> backoff = ReadSeconds(context, field, 0);
  // Their 0 is their default.
  if (backoff && *backoff > absl::ZeroDuration()) {
    availability.backoff = *backoff;
  }
}

void ReadMaxRestarts(Context& context, const Field& field,
                     Availability& availability) {
  const std::optional<int64_t> most =
      ReadInteger(context, field, 0, kMaxCount - 1);
  if (most) availability.max_restarts = *most;
}

void RefuseExit(Context& context, const Field& field,
                Availability& /*availability*/) {
  RefuseSwitch(context, field,
               "a run ends when all of its tasks have ended; only a failure "
               "ends it before, by \"restart: exit_on_failure\"");
}

constexpr KeyReader<Availability> kAvailabilityKeys[] = {
    {"restart", ReadRestart},          {"backoff_seconds", ReadBackoffSeconds},
    {"max_restarts", ReadMaxRestarts}, {"exit_on_end", RefuseExit},
    {"exit_on_skipped", RefuseExit},
};

struct Shutdown {
  const ProjectDraft& project;
  v1::StopPolicy stop;
};

void ReadStopCommand(Context& context, const Field& field, Shutdown& shutdown) {
  std::optional<std::string> line = ReadNonEmptyText(context, field);
  if (line)
    shutdown.stop.set_command(RunByProject(shutdown.project, *line, ""));
}

void ReadStopSignal(Context& context, const Field& field, Shutdown& shutdown) {
  const std::optional<int64_t> signal = ReadInteger(context, field, 1, 31);
  if (signal) shutdown.stop.set_signal(static_cast<uint32_t>(*signal));
}

void ReadStopTimeout(Context& context, const Field& field, Shutdown& shutdown) {
  const std::optional<absl::Duration> grace = ReadSeconds(context, field, 1);
  if (grace) SetDuration(*grace, shutdown.stop.mutable_grace());
}

void RefuseParentOnly(Context& context, const Field& field,
                      Shutdown& /*shutdown*/) {
  RefuseSwitch(context, field, "signals go to the whole process group");
}

constexpr KeyReader<Shutdown> kShutdownKeys[] = {
    {"command", ReadStopCommand},
    {"signal", ReadStopSignal},
    {"timeout_seconds", ReadStopTimeout},
    {"parent_only", RefuseParentOnly},
};

}  // namespace

void ReadAvailability(Context& context, const Field& field,
                      ProcessDraft& process) {
  Availability availability;
  ReadMap<Availability>(context, field, kAvailabilityKeys, {}, availability);
  if (availability.restart == "no") return;
  if (availability.restart == "exit_on_failure") {
    process.task.task.set_fail_run(true);
    return;
  }
  v1::RetryPolicy& retry = *process.task.task.mutable_retry();
  retry.set_on_success(availability.restart == "always");
  SetDuration(availability.backoff, retry.mutable_initial_backoff());
  if (availability.max_restarts > 0) {
    retry.set_attempts(static_cast<uint32_t>(availability.max_restarts + 1));
  } else {
    retry.set_unlimited(true);
    // Theirs stay as they are.
    SetDuration(availability.backoff, retry.mutable_max_backoff());
  }
}

void ReadShutdown(Context& context, const Field& field, ProcessDraft& process) {
  Shutdown shutdown{process.project, {}};
  ReadMap<Shutdown>(context, field, kShutdownKeys, {}, shutdown);
  *process.task.rest.mutable_stop() = std::move(shutdown.stop);
}

}  // namespace w2t::graphfile
