#include "server/observe/log.h"

#include <array>
#include <atomic>
#include <chrono>
#include <iterator>
#include <memory>
#include <string>

#include "fmt/format.h"
#include "spdlog/async.h"
#include "spdlog/sinks/stdout_sinks.h"
#include "spdlog/spdlog.h"

namespace w2t::server {
namespace {

constexpr size_t kQueueLines = 8'192;
constexpr std::array<std::string_view, 5> kLevelWords = {
    "debug", "info", "warn", "error", "off"};

struct State {
  std::shared_ptr<spdlog::details::thread_pool> pool;
  std::shared_ptr<spdlog::async_logger> logger;
};

std::atomic<LogLevel> g_level = LogLevel::kOff;
// Replaced as a whole, so that a line being logged keeps its logger.
std::shared_ptr<State> g_state;

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

// Bare words stay bare; anything else is quoted, with control characters and
// quotes escaped, so that a line stays one line.
void AppendText(std::string_view text, fmt::memory_buffer* out) {
  bool plain = !text.empty();
  for (const char c : text) {
    if (c <= ' ' || c == '"' || c == '=' || c == '\\' || c == 0x7f) {
      plain = false;
    }
  }
  auto to = std::back_inserter(*out);
  if (plain) {
    fmt::format_to(to, "{}", text);
    return;
  }
  out->push_back('"');
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out->push_back('\\');
      out->push_back(c);
    } else if (c == '\n') {
      fmt::format_to(to, "\\n");
    } else if (static_cast<unsigned char>(c) < ' ' || c == 0x7f) {
      fmt::format_to(to, "\\x{:02x}", static_cast<unsigned char>(c));
    } else {
      out->push_back(c);
    }
  }
  out->push_back('"');
}

}  // namespace

bool ParseLogLevel(std::string_view word, LogLevel* level) {
  for (size_t i = 0; i < kLevelWords.size(); ++i) {
    if (kLevelWords[i] == word) {
      *level = static_cast<LogLevel>(i);
      return true;
    }
  }
  return false;
}

void StartLogging(LogLevel level) {
  auto state = std::make_shared<State>();
  state->pool = std::make_shared<spdlog::details::thread_pool>(kQueueLines, 1);
  auto sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  state->logger = std::make_shared<spdlog::async_logger>(
      "w2td", std::move(sink), state->pool,
      spdlog::async_overflow_policy::overrun_oldest);
  state->logger->set_pattern("%Y-%m-%dT%H:%M:%S.%fZ %v",
                             spdlog::pattern_time_type::utc);
  state->logger->set_level(ToSpdlog(level));
  std::atomic_store(&g_state, std::move(state));
  g_level = level;
}

void StopLogging() {
  g_level = LogLevel::kOff;
  std::atomic_store(&g_state, std::shared_ptr<State>());
}

bool LogsAt(LogLevel level) {
  return level >= g_level.load(std::memory_order_relaxed);
}

void Log(const LogEvent& event, std::initializer_list<LogField> fields) {
  if (!LogsAt(event.level)) return;
  const std::shared_ptr<State> state = std::atomic_load(&g_state);
  if (state == nullptr) return;
  fmt::memory_buffer line;
  auto to = std::back_inserter(line);
  fmt::format_to(to, "{} {}", kLevelWords[static_cast<size_t>(event.level)],
                 event.name);
  for (const LogField& field : fields) {
    fmt::format_to(to, " {}=", field.key);
    if (const auto* text = std::get_if<std::string_view>(&field.value)) {
      AppendText(*text, &line);
    } else {
      std::visit([&](const auto& v) { fmt::format_to(to, "{}", v); },
                 field.value);
    }
  }
  state->logger->log(ToSpdlog(event.level),
                     spdlog::string_view_t(line.data(), line.size()));
}

}  // namespace w2t::server
