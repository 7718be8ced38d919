#include "client/worker/log.h"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>

namespace w2t::worker {

namespace {

spdlog::level::level_enum ToSpdlog(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarn:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
    case LogLevel::kOff:
      return spdlog::level::off;
  }
  return spdlog::level::off;
}

// Never destroyed: threads may log while the process ends.
spdlog::logger& Logger() {
  static spdlog::logger* const logger = [] {
    auto* made = new spdlog::logger(
        "w2t-worker", std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
    made->set_pattern("%Y-%m-%dT%H:%M:%S.%e %^%l%$ %v");
    made->set_level(spdlog::level::warn);
    made->flush_on(spdlog::level::debug);
    return made;
  }();
  return *logger;
}

}  // namespace

bool SetLogLevel(std::string_view level) {
  LogLevel chosen = LogLevel::kOff;
  if (level == "debug") {
    chosen = LogLevel::kDebug;
  } else if (level == "info") {
    chosen = LogLevel::kInfo;
  } else if (level == "warn") {
    chosen = LogLevel::kWarn;
  } else if (level == "error") {
    chosen = LogLevel::kError;
  } else if (level != "off") {
    return false;
  }
  Logger().set_level(ToSpdlog(chosen));
  return true;
}

bool LogEnabled(LogLevel level) { return Logger().should_log(ToSpdlog(level)); }

std::string Quoted(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted.push_back('\\');
    quoted += c == '\n' ? std::string_view("\\n") : std::string_view(&c, 1);
  }
  return quoted + "\"";
}

void LogLine(LogLevel level, std::string_view line) {
  Logger().log(ToSpdlog(level),
               spdlog::string_view_t(line.data(), line.size()));
}

}  // namespace w2t::worker
