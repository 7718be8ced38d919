#include "client/graphfile/scalars.h"

#include <array>
#include <charconv>
#include <cmath>
#include <csignal>
#include <utility>

namespace w2t::graphfile {
namespace {

constexpr absl::Duration kLongestDuration = absl::Hours(10'000);

struct Unit {
  std::string_view name;
  int64_t nanoseconds;
};
constexpr std::array<Unit, 4> kUnits = {{{"ms", 1'000'000},
                                         {"s", 1'000'000'000},
                                         {"m", 60'000'000'000},
                                         {"h", 3'600'000'000'000}}};

struct SignalName {
  std::string_view name;
  uint32_t number;
};
constexpr std::array<SignalName, 16> kSignals = {{{"HUP", SIGHUP},
                                                  {"INT", SIGINT},
                                                  {"QUIT", SIGQUIT},
                                                  {"ABRT", SIGABRT},
                                                  {"KILL", SIGKILL},
                                                  {"USR1", SIGUSR1},
                                                  {"USR2", SIGUSR2},
                                                  {"PIPE", SIGPIPE},
                                                  {"ALRM", SIGALRM},
                                                  {"TERM", SIGTERM},
                                                  {"CHLD", SIGCHLD},
                                                  {"CONT", SIGCONT},
                                                  {"STOP", SIGSTOP},
                                                  {"TSTP", SIGTSTP},
                                                  {"TTIN", SIGTTIN},
                                                  {"WINCH", SIGWINCH}}};

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Takes digits off the front, at most 12 of them.
std::optional<int64_t> TakeDigits(std::string_view& text) {
  size_t size = 0;
  int64_t value = 0;
  while (size < text.size() && IsDigit(text[size])) {
    if (size == 12) return std::nullopt;
    value = value * 10 + (text[size++] - '0');
  }
  if (size == 0) return std::nullopt;
  text.remove_prefix(size);
  return value;
}

// Takes ".digits" off the front, if it is there, as billionths.
std::optional<int64_t> TakeFraction(std::string_view& text) {
  if (!text.starts_with('.')) return 0;
  text.remove_prefix(1);
  const size_t before = text.size();
  const std::optional<int64_t> digits = TakeDigits(text);
  const size_t size = before - text.size();
  if (!digits || size > 9) return std::nullopt;
  int64_t billionths = *digits;
  for (size_t i = size; i < 9; ++i) billionths *= 10;
  return billionths;
}

// Takes letters off the front.
const Unit* TakeUnit(std::string_view& text) {
  size_t size = 0;
  while (size < text.size() && text[size] >= 'a' && text[size] <= 'z') ++size;
  const std::string_view name = text.substr(0, size);
  text.remove_prefix(size);
  for (const Unit& unit : kUnits) {
    if (unit.name == name) return &unit;
  }
  return nullptr;
}

}  // namespace

std::optional<absl::Duration> ParseDuration(std::string_view text) {
  if (text == "0") return absl::ZeroDuration();
  if (text.empty()) return std::nullopt;
  absl::Duration sum;
  while (!text.empty()) {
    const std::optional<int64_t> whole = TakeDigits(text);
    if (!whole) return std::nullopt;
    const std::optional<int64_t> billionths = TakeFraction(text);
    if (!billionths) return std::nullopt;
    const Unit* unit = TakeUnit(text);
    if (unit == nullptr) return std::nullopt;
    const absl::Duration one = absl::Nanoseconds(unit->nanoseconds);
    sum += one * *whole;
    sum += absl::Trunc(one * *billionths / 1'000'000'000, absl::Nanoseconds(1));
    if (sum > kLongestDuration) return std::nullopt;
  }
  return sum;
}

std::optional<int64_t> ParseInteger(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  int64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end) return std::nullopt;
  return value;
}

std::optional<uint64_t> ParseThousandths(std::string_view text) {
  const std::optional<int64_t> whole = TakeDigits(text);
  if (!whole || *whole > 1'000'000'000) return std::nullopt;
  const std::optional<int64_t> billionths = TakeFraction(text);
  if (!billionths || *billionths % 1'000'000 != 0 || !text.empty()) {
    return std::nullopt;
  }
  return static_cast<uint64_t>(*whole * 1'000 + *billionths / 1'000'000);
}

std::optional<uint64_t> ParseBytes(std::string_view text) {
  constexpr std::pair<std::string_view, double> kUnits[] = {
      {"", 1},         {"B", 1},       {"kB", 1e3},     {"MB", 1e6},
      {"GB", 1e9},     {"TB", 1e12},   {"KiB", 0x1p10}, {"MiB", 0x1p20},
      {"GiB", 0x1p30}, {"TiB", 0x1p40}};
  constexpr double kMost = 1e15;
  const std::optional<int64_t> whole = TakeDigits(text);
  if (!whole) return std::nullopt;
  const std::optional<int64_t> billionths = TakeFraction(text);
  if (!billionths) return std::nullopt;
  for (const auto& [name, unit] : kUnits) {
    if (text != name) continue;
    const double bytes = (static_cast<double>(*whole) +
                          static_cast<double>(*billionths) * 1e-9) *
                         unit;
    if (bytes > kMost) return std::nullopt;
    return static_cast<uint64_t>(bytes);
  }
  return std::nullopt;
}

std::optional<double> ParseReal(std::string_view text) {
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end || !std::isfinite(value)) {
    return std::nullopt;
  }
  return value;
}

std::optional<uint32_t> ParseSignal(std::string_view name) {
  if (name.starts_with("SIG")) name.remove_prefix(3);
  for (const SignalName& signal : kSignals) {
    if (signal.name == name) return signal.number;
  }
  return std::nullopt;
}

}  // namespace w2t::graphfile
