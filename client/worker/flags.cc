#include "client/worker/flags.h"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "client/worker/log.h"
#include "client/worker/state/files.h"
#include "client/worker/state/state_folder.h"
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

// Empty, with a warning, when nothing can be kept there.
std::string UsableDefaultState(const std::string& name) {
  const std::string path = DefaultStateFolder(name.empty() ? HostName() : name);
  std::error_code error;
  if (!path.empty()) std::filesystem::create_directories(path, error);
  if (!path.empty() && !error && access(path.c_str(), W_OK) == 0) return path;
  Log(LogLevel::kWarn, "worker.stateless path={} error={}", Quoted(path),
      Quoted(path.empty() ? "HOME is not set"
             : error      ? error.message()
                          : "it is not writable"));
  return "";
}

// `state` is what --state said; null: nothing.
std::string StateFolderOf(const Flags& flags, const std::string* state) {
  if (state == nullptr) {
    return flags.stop_with_parent ? "" : UsableDefaultState(flags.worker.name);
  }
  if (state->empty()) throw CLI::ValidationError("--state", "is empty");
  if (*state == "none") return "";
  // From here, not from --dir.
  return std::filesystem::absolute(*state).string();
}

void TakeLists(const std::vector<std::string>& labels,
               const std::vector<std::string>& resources,
               WorkerOptions& worker) {
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
    worker.resources.emplace_back(std::move(name), Units("--resource", amount));
  }
}

}  // namespace

std::optional<Flags> ParseFlags(int argc, char** argv, int& exit_code) {
  Flags flags;
  WorkerOptions& worker = flags.worker;
  worker.exec = true;
  worker.cgroup = "own";
  std::vector<std::string> labels;
  std::vector<std::string> resources;

  CLI::App app("Runs tasks for a w2t daemon.", "w2t-worker");
  app.footer(
      "The first SIGTERM or SIGINT lets it finish what it has and take nothing "
      "new, however\nlong that lasts; then it ends. The second one stops the "
      "tasks (as their graph says,\nbut killing them after 2 s), tells the "
      "daemon, which gives them to other workers, and\nends within 5 s. A "
      "worker that is killed takes its tasks with it; its services go on\nfor "
      "as long as the daemon's re-attach window, and the next worker of the "
      "same name and\noptions goes on with them.");
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
  app.add_option("--max-starting", worker.max_starting,
                 "Most services that are started and not yet ready, so that "
                 "not all start at once;\none that takes more than 10 s "
                 "counts no more")
      ->capture_default_str()
      ->check(CLI::Range(1U, 65'536U));
  app.add_option("--dir", flags.dir, "Where tasks run (default: here)");
  std::string state;
  const CLI::Option* const with_state =
      app.add_option("--state", state,
                     "Folder to remember services in: they go on when the "
                     "worker is killed, and\nthe next one goes on with them; "
                     "\"none\": they end with it (default:\n"
                     "$XDG_STATE_HOME/w2t/workers/NAME, else "
                     "~/.local/state/w2t/workers/NAME;\nnone with "
                     "--stop-with-parent)");
  app.add_option("--cgroup", worker.cgroup,
                 "Folder of cgroup v2 to make a cgroup for each service in, "
                 "and for each task\nthat has limits; \"own\": the worker's, "
                 "if it was delegated to it; or \"none\"")
      ->capture_default_str();
  app.add_option("--log-level", flags.log_level,
                 "debug, info, warn, error or off")
      ->capture_default_str()
      ->check(CLI::IsMember({"debug", "info", "warn", "error", "off"}));
  app.add_flag("--stop-with-parent", flags.stop_with_parent,
               "End when the process that started this one ends");
  try {
    app.parse(argc, argv);
    TakeLists(labels, resources, worker);
    worker.state = StateFolderOf(
        flags, with_state->empty() ? nullptr : &std::as_const(state));
  } catch (const CLI::ParseError& error) {
    exit_code = app.exit(error) == 0 ? 0 : kBadUsage;
    return std::nullopt;
  }
  return flags;
}

}  // namespace w2t::worker
