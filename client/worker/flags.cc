#include "client/worker/flags.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <utility>
#include <vector>

#include "proto/wire/field.h"

namespace w2t::worker {

namespace {

constexpr int kBadUsage = 2;

// "K=V" into its halves; both must be there.
std::pair<std::string, std::string> Split(const std::string& flag,
                                          const std::string& text) {
  const size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0 || equals + 1 == text.size()) {
    throw CLI::ValidationError(flag,
                               fmt::format("\"{}\" is not NAME=VALUE", text));
  }
  return {text.substr(0, equals), text.substr(equals + 1)};
}

double Units(const std::string& flag, const std::string& text) {
  double units = 0;
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, units);
  if (parsed.ec != std::errc() || parsed.ptr != end || !(units >= 0)) {
    throw CLI::ValidationError(flag, fmt::format("\"{}\" is no amount", text));
  }
  return units;
}

// For what is told to the daemon.
std::string WrongUtf8(const std::string& text) {
  if (wire::IsUtf8(text)) return "";
  return fmt::format("\"{}\" is not UTF-8", wire::Shown(text));
}

}  // namespace

std::optional<Flags> ParseFlags(int argc, char** argv, int& exit_code) {
  Flags flags;
  WorkerOptions& worker = flags.worker;
  worker.exec = true;
  std::vector<std::string> labels;
  std::vector<std::string> resources;

  CLI::App app("Runs tasks for a w2t daemon.", "w2t-worker");
  app.footer(
      "The first SIGTERM or SIGINT lets it finish what it has and take nothing "
      "new, however\nlong that lasts; then it ends. The second one stops the "
      "tasks (as their graph says,\nbut killing them after 2 s), tells the "
      "daemon, which gives them to other workers, and\nends within 5 s. Under "
      "systemd, TimeoutStopSec is how long tasks may take to end;\nafter that "
      "the worker and its tasks are killed, and given up once they have been "
      "\nmissed for the daemon's re-attach window.");
  app.set_version_flag("--version", "w2t-worker " W2T_VERSION);
  app.add_option("--server", worker.server,
                 "The daemon: HOST:PORT or unix:PATH "
                 "(default $W2T_SERVER, else 127.0.0.1:7420)");
  app.add_option("--name", worker.name,
                 "Unique among the daemon's workers (default: the host's name)")
      ->check(WrongUtf8);
  app.add_option("--slots", worker.slots,
                 "One-cpu tasks that run at once (default: the cores)")
      ->check(CLI::Range(1U, 1'000'000U));
  app.add_option("--label", labels, "KEY=VALUE that graphs may select by")
      ->allow_extra_args(false)
      ->check(WrongUtf8);
  app.add_option("--resource", resources,
                 "NAME=AMOUNT of something beside cpus")
      ->allow_extra_args(false)
      ->check(WrongUtf8);
  app.add_option("--max-leases", worker.max_leases,
                 "Most tasks held at once, waiting ones included")
      ->capture_default_str()
      ->check(CLI::Range(1U, 65'536U));
  app.add_option("--dir", flags.dir, "Where tasks run (default: here)");
  app.add_option("--log-level", flags.log_level,
                 "debug, info, warn, error or off")
      ->capture_default_str()
      ->check(CLI::IsMember({"debug", "info", "warn", "error", "off"}));
  app.add_flag("--stop-with-parent", flags.stop_with_parent,
               "End when the process that started this one ends");
  try {
    app.parse(argc, argv);
    for (const std::string& label : labels) {
      auto split = Split("--label", label);
      for (const auto& [key, value] : worker.labels) {
        if (key != split.first) continue;
        throw CLI::ValidationError("--label",
                                   fmt::format("\"{}\" is named twice", key));
      }
      worker.labels.push_back(std::move(split));
    }
    for (const std::string& resource : resources) {
      auto [name, amount] = Split("--resource", resource);
      worker.resources.emplace_back(std::move(name),
                                    Units("--resource", amount));
    }
  } catch (const CLI::ParseError& error) {
    exit_code = app.exit(error) == 0 ? 0 : kBadUsage;
    return std::nullopt;
  }
  return flags;
}

}  // namespace w2t::worker
