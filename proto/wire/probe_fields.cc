#include "proto/wire/probe_fields.h"

#include <fmt/format.h>
#include <regex.h>

#include <algorithm>
#include <charconv>
#include <string_view>

#include "proto/wire/regex_cost.h"

namespace w2t::wire {
namespace {

constexpr uint32_t kMaxProbeSuccesses = 100;
constexpr uint32_t kMaxProbeFailures = 1'000'000;
constexpr size_t kMaxRegexBytes = 4'096;
constexpr size_t kMaxUrlBytes = 4'096;
constexpr size_t kMaxMethodBytes = 32;
constexpr size_t kMaxHeaders = 64;
constexpr int kMaxStatuses = 64;
constexpr uint32_t kLeastStatus = 200;
constexpr uint32_t kMaxStatus = 599;
constexpr absl::Duration kMaxProbeWait = absl::Hours(24 * 365);
constexpr absl::Duration kMaxProbeGap = absl::Hours(24);
constexpr absl::Duration kLeastWait = absl::Milliseconds(1);

// Neither a control character nor a space, and ASCII.
bool IsGraphic(char c) { return c > ' ' && c < 0x7f; }

// What names of headers are made of.
bool IsTokenCharacter(char c) {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         (c >= '0' && c <= '9') || kMarks.find(c) != std::string_view::npos;
}

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

// What `url` asks for, in words, when it is none of http or https.
std::string_view UrlFault(std::string_view url) {
  std::string_view rest = url;
  if (rest.starts_with("http://")) {
    rest.remove_prefix(7);
  } else if (rest.starts_with("https://")) {
    rest.remove_prefix(8);
  } else {
    return "starts with neither http:// nor https://";
  }
  if (!std::all_of(url.begin(), url.end(), IsGraphic)) {
    return "has a space, a control character or one beyond ASCII";
  }
  std::string_view server = rest.substr(0, rest.find_first_of("/?#"));
  if (const size_t at = server.rfind('@'); at != std::string_view::npos) {
    server.remove_prefix(at + 1);
  }
  // A host alone may be a number, as a port alone may not.
  const bool has_port = !IsPort(server) && IsTcpAddress(server);
  return has_port || IsTcpAddress(std::string(server) + ":1")
             ? ""
             : "has no host, or a port that is none";
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

void ProbeChecker::CheckReady(const v1::Probe& probe, const FieldPath& path) {
  CheckKind(probe, path);
  CheckTimes(probe, path);
}

void ProbeChecker::CheckLive(const v1::Probe& probe, const FieldPath& path) {
  CheckKind(probe, path);
  CheckTimes(probe, path);
  const auto refuse = [&](bool is_set, std::string_view field) {
    if (is_set) check_.Invalid(path.Field(field), "is for ready alone");
  };
  refuse(probe.has_log_regex(), "log_regex");
  refuse(probe.has_log_text(), "log_text");
  refuse(probe.has_deadline(), "deadline");
  refuse(probe.successes() > 0, "successes");
}

void ProbeChecker::CheckTimes(const v1::Probe& probe, const FieldPath& path) {
  if (probe.has_every()) {
    check_.Span(path.Field("every"), probe.every(), kLeastWait, kMaxProbeGap);
  }
  if (probe.has_timeout()) {
    check_.Span(path.Field("timeout"), probe.timeout(), kLeastWait,
                kMaxProbeGap);
  }
  if (probe.has_deadline()) {
    check_.Span(path.Field("deadline"), probe.deadline(), kLeastWait,
                kMaxProbeWait);
  }
  if (probe.has_initial_delay()) {
    check_.Span(path.Field("initial_delay"), probe.initial_delay(),
                absl::ZeroDuration(), kMaxProbeWait);
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

void ProbeChecker::CheckKind(const v1::Probe& probe, const FieldPath& path) {
  switch (probe.kind_case()) {
    case v1::Probe::kTcp:
      CheckTcp(probe.tcp(), path.Field("tcp"));
      break;
    case v1::Probe::kHttp:
      CheckHttp(probe.http(), path.Field("http"));
      break;
    case v1::Probe::kGrpc:
      CheckGrpc(probe.grpc(), path.Field("grpc"));
      break;
    case v1::Probe::kExec:
      CheckLine(probe.exec(), path.Field("exec"));
      break;
    case v1::Probe::kLogRegex:
      CheckRegex(probe.log_regex(), path.Field("log_regex"));
      break;
    case v1::Probe::kLogText:
      CheckLine(probe.log_text(), path.Field("log_text"));
      break;
    case v1::Probe::kNotify:
      break;
    case v1::Probe::KIND_NOT_SET:
      check_.Missing(
          path, "needs tcp, http, grpc, exec, log_regex, log_text or notify");
      break;
  }
}

void ProbeChecker::CheckTcp(const std::string& address, const FieldPath& path) {
  if (IsTcpAddress(address)) return;
  check_.Invalid(
      path, fmt::format("'{}' is neither PORT nor HOST:PORT", Shown(address)));
}

void ProbeChecker::CheckHttp(const v1::HttpProbe& http, const FieldPath& path) {
  const std::string& url = http.url();
  if (url.size() > kMaxUrlBytes) {
    check_.Invalid(path.Field("url"), fmt::format("{} bytes are more than {}",
                                                  url.size(), kMaxUrlBytes));
  } else if (const std::string_view fault = UrlFault(url); !fault.empty()) {
    check_.Invalid(path.Field("url"),
                   fmt::format("'{}' {}", Shown(url), fault));
  }
  const std::string& method = http.method();
  const auto is_capital = [](char c) { return c >= 'A' && c <= 'Z'; };
  if (method.size() > kMaxMethodBytes ||
      !std::all_of(method.begin(), method.end(), is_capital)) {
    check_.Invalid(path.Field("method"),
                   fmt::format("'{}' is not 1 to {} capital letters",
                               Shown(method), kMaxMethodBytes));
  }
  if (http.headers().size() > kMaxHeaders) {
    check_.Invalid(path.Field("headers"),
                   fmt::format("{} entries are more than {}",
                               http.headers().size(), kMaxHeaders));
  }
  for (const auto& [name, value] : http.headers()) {
    const FieldPath entry = path.Entry("headers", std::string_view(name));
    const auto is_control = [](char c) {
      return (static_cast<unsigned char>(c) < ' ' && c != '\t') || c == 0x7f;
    };
    if (name.empty() ||
        !std::all_of(name.begin(), name.end(), IsTokenCharacter)) {
      check_.Invalid(entry,
                     fmt::format("'{}' is no name of a header", Shown(name)));
    } else if (std::any_of(value.begin(), value.end(), is_control)) {
      check_.Invalid(entry, "has a control character");
    }
  }
  if (http.statuses_size() > kMaxStatuses) {
    check_.Invalid(path.Field("statuses"),
                   fmt::format("{} entries are more than {}",
                               http.statuses_size(), kMaxStatuses));
    return;
  }
  for (int i = 0; i < http.statuses_size(); ++i) {
    const uint32_t status = http.statuses(i);
    if (status >= kLeastStatus && status <= kMaxStatus) continue;
    check_.Invalid(path.Entry("statuses", i),
                   fmt::format("{} is not between {} and {}", status,
                               kLeastStatus, kMaxStatus));
  }
}

void ProbeChecker::CheckGrpc(const std::string& target, const FieldPath& path) {
  const size_t slash = target.find('/');
  if (!IsTcpAddress(std::string_view(target).substr(0, slash))) {
    check_.Invalid(path, fmt::format("'{}' is neither PORT nor HOST:PORT, with "
                                     "or without /SERVICE",
                                     Shown(target)));
  } else if (slash != std::string::npos) {
    check_.Name(path, std::string_view(target).substr(slash + 1));
  }
}

void ProbeChecker::CheckRegex(const std::string& expression,
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

void ProbeChecker::CheckLine(const std::string& line, const FieldPath& path) {
  if (line.empty()) {
    check_.Missing(path, "is required");
    return;
  }
  check_.Text(path, line);
}

}  // namespace w2t::wire
