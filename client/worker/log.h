// What the worker's program tells its operator: one line an event, on stderr.
// Thread-safe.
#ifndef W2T_CLIENT_WORKER_LOG_H_
#define W2T_CLIENT_WORKER_LOG_H_

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>

namespace w2t::worker {

enum class LogLevel { kDebug, kInfo, kWarn, kError, kOff };

// "debug", "info", "warn", "error" or "off". False, and nothing changed, for
// another word. The level is warn until it is set.
bool SetLogLevel(std::string_view level);

bool LogEnabled(LogLevel level);
void LogLine(LogLevel level, std::string_view line);

// In quotes, whatever it holds: what is between them is one value of a line.
std::string Quoted(std::string_view text);

// The line starts with the event's name: "session.opened server=...".
template <typename... Args>
void Log(LogLevel level, fmt::format_string<Args...> format, Args&&... args) {
  if (LogEnabled(level)) {
    LogLine(level, fmt::format(format, std::forward<Args>(args)...));
  }
}

}  // namespace w2t::worker

#endif  // W2T_CLIENT_WORKER_LOG_H_
