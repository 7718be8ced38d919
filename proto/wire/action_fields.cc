#include "proto/wire/action_fields.h"

#include <fmt/format.h>

#include <string>
#include <string_view>

namespace w2t::wire {
namespace {

// See ExecLimits.
constexpr uint64_t kLeastMemory = 1 << 20;
constexpr uint64_t kMostMemory = uint64_t{1} << 50;
constexpr uint64_t kLeastCpu = 10;
constexpr uint64_t kMostCpu = 1'000'000;
constexpr int kMaxArguments = 4'096;
constexpr size_t kMaxVariables = 1'024;
constexpr int kMaxSuccessCodes = 64;
constexpr int32_t kMaxExitCode = 255;
constexpr uint32_t kMaxSignal = 31;
constexpr absl::Duration kMaxTimeout = absl::Hours(24 * 365);
constexpr absl::Duration kMaxGrace = absl::Hours(1);

}  // namespace

void ActionChecker::Check(const v1::Action& action, const FieldPath& path) {
  check_.AtMost(path, "max_action_bytes", check_.limits().max_action_bytes,
                action.ByteSizeLong());
  switch (action.kind_case()) {
    case v1::Action::kExec:
      CheckExec(action.exec(), path.Field("exec"));
      break;
    case v1::Action::kHandler:
      check_.Name(path.Field("handler").Field("name"), action.handler().name());
      break;
    case v1::Action::KIND_NOT_SET:
      check_.Missing(path, "needs exec or handler");
      break;
  }
  if (action.has_timeout()) {
    check_.Span(path.Field("timeout"), action.timeout(), absl::ZeroDuration(),
                kMaxTimeout);
  }
  if (action.has_ready()) {
    probes_.CheckReady(action.ready(), path.Field("ready"));
  }
  if (action.has_live()) probes_.CheckLive(action.live(), path.Field("live"));
  if (action.has_stop()) CheckStop(action.stop(), path.Field("stop"));
}

void ActionChecker::CheckExec(const v1::ExecAction& exec,
                              const FieldPath& path) {
  if (exec.argv_size() == 0 && exec.shell().empty()) {
    check_.Missing(path, "needs argv or shell");
  } else if (exec.argv_size() > 0 && !exec.shell().empty()) {
    check_.Invalid(path, "has both argv and shell");
  }
  if (exec.argv_size() > kMaxArguments) {
    check_.Invalid(path.Field("argv"),
                   fmt::format("{} entries are more than {}", exec.argv_size(),
                               kMaxArguments));
  } else {
    for (int i = 0; i < exec.argv_size(); ++i) {
      const FieldPath entry = path.Entry("argv", i);
      if (i == 0 && exec.argv(0).empty()) check_.Missing(entry, "is required");
      check_.Text(entry, exec.argv(i));
    }
  }
  check_.Text(path.Field("shell"), exec.shell());
  check_.Text(path.Field("shell_program"), exec.shell_program());
  check_.Text(path.Field("dir"), exec.dir());
  CheckEnv(exec, path);
  CheckLimits(exec.limits(), path.Field("limits"));
  if (exec.success_exit_codes_size() > kMaxSuccessCodes) {
    check_.Invalid(
        path.Field("success_exit_codes"),
        fmt::format("{} entries are more than {}",
                    exec.success_exit_codes_size(), kMaxSuccessCodes));
    return;
  }
  for (int i = 0; i < exec.success_exit_codes_size(); ++i) {
    const int32_t code = exec.success_exit_codes(i);
    if (code >= 0 && code <= kMaxExitCode) continue;
    check_.Invalid(
        path.Entry("success_exit_codes", i),
        fmt::format("{} is not between 0 and {}", code, kMaxExitCode));
  }
}

void ActionChecker::CheckLimits(const v1::ExecLimits& limits,
                                const FieldPath& path) {
  const auto within = [&](std::string_view field, uint64_t value,
                          uint64_t least, uint64_t most) {
    if (value == 0 || (value >= least && value <= most)) return;
    check_.Invalid(path.Field(field), fmt::format("{} is not between {} and {}",
                                                  value, least, most));
  };
  within("memory_bytes", limits.memory_bytes(), kLeastMemory, kMostMemory);
  within("cpu_milli", limits.cpu_milli(), kLeastCpu, kMostCpu);
}

void ActionChecker::CheckEnv(const v1::ExecAction& exec,
                             const FieldPath& path) {
  if (exec.env().size() > kMaxVariables) {
    check_.Invalid(path.Field("env"),
                   fmt::format("{} entries are more than {}", exec.env().size(),
                               kMaxVariables));
    return;
  }
  for (const auto& [key, value] : exec.env()) {
    const FieldPath entry = path.Entry("env", std::string_view(key));
    if (key.empty()) {
      check_.Missing(path.Field("env"), "has a variable without a name");
    } else if (key.find('=') != std::string::npos) {
      check_.Invalid(entry, "the name of a variable has no '='");
    } else if (check_.Text(entry, key) && check_.Text(entry, value)) {
      // It becomes one string, "KEY=VALUE".
      check_.AtMost(entry, "max_argument_bytes", kMaxArgumentBytes,
                    key.size() + 1 + value.size());
    }
  }
}

void ActionChecker::CheckStop(const v1::StopPolicy& stop,
                              const FieldPath& path) {
  if (stop.signal() > kMaxSignal) {
    check_.Invalid(
        path.Field("signal"),
        fmt::format("{} is not between 1 and {}", stop.signal(), kMaxSignal));
  }
  if (stop.has_grace()) {
    check_.Span(path.Field("grace"), stop.grace(), absl::ZeroDuration(),
                kMaxGrace);
  }
  check_.Text(path.Field("command"), stop.command());
}

}  // namespace w2t::wire
