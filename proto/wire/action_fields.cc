#include "proto/wire/action_fields.h"

#include <fmt/format.h>
#include <regex.h>

#include <charconv>
#include <string>
#include <string_view>

#include "proto/wire/regex_cost.h"

namespace w2t::wire {
namespace {

constexpr int kMaxArguments = 4'096;
constexpr size_t kMaxVariables = 1'024;
constexpr int kMaxSuccessCodes = 64;
constexpr int32_t kMaxExitCode = 255;
constexpr uint32_t kMaxSignal = 31;
constexpr uint32_t kMaxProbeSuccesses = 100;
constexpr uint32_t kMaxProbeFailures = 1'000'000;
constexpr size_t kMaxRegexBytes = 4'096;
constexpr absl::Duration kMaxTimeout = absl::Hours(24 * 365);
constexpr absl::Duration kMaxGrace = absl::Hours(1);
constexpr absl::Duration kMaxProbeGap = absl::Hours(24);
constexpr absl::Duration kLeastWait = absl::Milliseconds(1);

bool IsPort(std::string_view text) {
  uint32_t port = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, port);
  return error == std::errc() && rest == end && port >= 1 && port <= 65'535;
}

// "PORT", "HOST:PORT" or "[ADDRESS]:PORT".
bool IsTcpAddress(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return IsPort(text);
  std::string_view host = text.substr(0, colon);
  const bool bracketed =
      host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (!bracketed && host.find(':') != std::string_view::npos) return false;
  for (const char c : host) {
    if (static_cast<unsigned char>(c) <= ' ' || c == 0x7f) return false;
  }
  return !host.empty() && IsPort(text.substr(colon + 1));
}

// Empty when it compiles.
std::string CompileError(const std::string& expression) {
  regex_t compiled;
  const int error =
      regcomp(&compiled, expression.c_str(), REG_EXTENDED | REG_NOSUB);
  if (error == 0) {
    regfree(&compiled);
    return "";
  }
  char words[128];
  regerror(error, &compiled, words, sizeof(words));
  return words;
}

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
  if (action.has_ready()) CheckProbe(action.ready(), path.Field("ready"));
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

void ActionChecker::CheckProbe(const v1::ReadyProbe& probe,
                               const FieldPath& path) {
  CheckProbeKind(probe, path);
  if (probe.has_every()) {
    check_.Span(path.Field("every"), probe.every(), kLeastWait, kMaxProbeGap);
  }
  if (probe.has_timeout()) {
    check_.Span(path.Field("timeout"), probe.timeout(), kLeastWait,
                kMaxProbeGap);
  }
  if (probe.has_deadline()) {
    check_.Span(path.Field("deadline"), probe.deadline(), kLeastWait,
                kMaxTimeout);
  }
  if (probe.has_initial_delay()) {
    check_.Span(path.Field("initial_delay"), probe.initial_delay(),
                absl::ZeroDuration(), kMaxTimeout);
  }
  if (probe.successes() > kMaxProbeSuccesses) {
    check_.Invalid(path.Field("successes"),
                   fmt::format("{} is more than {}", probe.successes(),
                               kMaxProbeSuccesses));
  }
  if (probe.failures() > kMaxProbeFailures) {
    check_.Invalid(
        path.Field("failures"),
        fmt::format("{} is more than {}", probe.failures(), kMaxProbeFailures));
  }
}

void ActionChecker::CheckProbeKind(const v1::ReadyProbe& probe,
                                   const FieldPath& path) {
  switch (probe.kind_case()) {
    case v1::ReadyProbe::kTcp:
      if (!IsTcpAddress(probe.tcp())) {
        check_.Invalid(path.Field("tcp"),
                       fmt::format("'{}' is neither PORT nor HOST:PORT",
                                   Shown(probe.tcp())));
      }
      break;
    case v1::ReadyProbe::kExec:
      CheckLine(probe.exec(), path.Field("exec"));
      break;
    case v1::ReadyProbe::kLogRegex:
      CheckRegex(probe.log_regex(), path.Field("log_regex"));
      break;
    case v1::ReadyProbe::kLogText:
      CheckLine(probe.log_text(), path.Field("log_text"));
      break;
    case v1::ReadyProbe::KIND_NOT_SET:
      check_.Missing(path, "needs tcp, exec, log_regex or log_text");
      break;
  }
}

void ActionChecker::CheckRegex(const std::string& expression,
                               const FieldPath& path) {
  if (expression.empty()) {
    check_.Missing(path, "is required");
    return;
  }
  if (!check_.Text(path, expression)) return;
  if (expression.size() > kMaxRegexBytes) {
    check_.Invalid(path, fmt::format("{} bytes are more than {}",
                                     expression.size(), kMaxRegexBytes));
    return;
  }
  const uint64_t cost = RegexCost(expression);
  if (cost > kMaxRegexCost) {
    check_.Invalid(path,
                   fmt::format("the expression comes to more than {} states",
                               kMaxRegexCost));
    return;
  }
  if (cost > regex_budget_) return;
  regex_budget_ -= cost;
  const std::string error = CompileError(expression);
  if (!error.empty()) {
    check_.Invalid(path, fmt::format("'{}' is no regular expression: {}",
                                     Shown(expression), error));
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

void ActionChecker::CheckLine(const std::string& line, const FieldPath& path) {
  if (line.empty()) {
    check_.Missing(path, "is required");
    return;
  }
  check_.Text(path, line);
}

}  // namespace w2t::wire
