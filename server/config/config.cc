#include "server/config/config.h"

#include <cstdlib>
#include <map>
#include <utility>

#include "CLI/CLI.hpp"
#include "core/base/absl_view.h"
#include "fmt/format.h"
#include "fmt/ranges.h"
#include "server/config/addresses.h"

namespace w2t::server {
namespace {

constexpr absl::Duration kLongest = absl::Hours(24);
constexpr absl::Duration kLongestRetention = absl::Hours(24 * 3'660);

absl::Status ParseDuration(std::string_view text, absl::Duration least,
                           absl::Duration* out,
                           absl::Duration longest = kLongest) {
  absl::Duration duration;
  if (!absl::ParseDuration(AbslView(text), &duration) || duration < least ||
      duration > longest) {
    return absl::InvalidArgumentError(fmt::format(
        "must be a duration from {} to {}, such as 500ms or 10s, "
        "not '{}'",
        absl::FormatDuration(least), absl::FormatDuration(longest), text));
  }
  *out = duration;
  return absl::OkStatus();
}

absl::Status NotEmpty(std::string_view value, std::string* out) {
  if (value.empty()) return absl::InvalidArgumentError("must not be empty");
  *out = value;
  return absl::OkStatus();
}

constexpr absl::Duration kLeastInterval = absl::Milliseconds(1);

std::string NoDefault() { return ""; }

const Setting kSettings[] = {
    {"data", "DIR", "Where the journal and the logs are kept",
     [] { return std::string("$XDG_STATE_HOME/w2t, else ~/.local/state/w2t"); },
     [](std::string_view value, Config* config) {
       return NotEmpty(value, &config->data);
     }},
    {"address-file", "PATH", "Write the bound addresses here once it serves",
     NoDefault,
     [](std::string_view value, Config* config) {
       return NotEmpty(value, &config->address_file);
     }},
    {"reattach-window", "DURATION",
     "How long a worker's attempts are kept for it after its stream broke",
     [] { return absl::FormatDuration(Config().reattach_window); },
     [](std::string_view value, Config* config) {
       return ParseDuration(value, absl::ZeroDuration(),
                            &config->reattach_window);
     }},
    {"lease-ttl", "DURATION",
     "A worker that is silent for this long is taken for unreachable; at "
     "least 2 ping intervals",
     [] { return absl::FormatDuration(Config().lease_ttl); },
     [](std::string_view value, Config* config) {
       return ParseDuration(value, kLeastInterval, &config->lease_ttl);
     }},
    {"ping-interval", "DURATION", "How often workers are pinged",
     [] { return absl::FormatDuration(Config().ping_interval); },
     [](std::string_view value, Config* config) {
       return ParseDuration(value, kLeastInterval, &config->ping_interval);
     }},
    {"shutdown-grace", "DURATION",
     "How long to wait at a stop for what workers hold",
     [] { return absl::FormatDuration(Config().shutdown_grace); },
     [](std::string_view value, Config* config) {
       return ParseDuration(value, absl::ZeroDuration(),
                            &config->shutdown_grace);
     }},
    {"retention", "DURATION",
     "How long a run is remembered after its end, with its logs",
     [] { return absl::FormatDuration(Config().retention); },
     [](std::string_view value, Config* config) {
       return ParseDuration(value, absl::Seconds(1), &config->retention,
                            kLongestRetention);
     }},
    {"log-level", "LEVEL", "debug, info, warn, error or off",
     [] { return std::string("info"); },
     [](std::string_view value, Config* config) {
       if (ParseLogLevel(value, &config->log_level)) return absl::OkStatus();
       return absl::InvalidArgumentError(fmt::format(
           "must be debug, info, warn, error or off, not '{}'", value));
     }},
    {"stop-with-parent", "", "Stop when the parent process ends", NoDefault,
     [](std::string_view value, Config* config) {
       if (value != "true" && value != "false") {
         return absl::InvalidArgumentError(
             fmt::format("must be true or false, not '{}'", value));
       }
       config->stop_with_parent = value == "true";
       return absl::OkStatus();
     }},
};

CommandLine Stop(int exit_code, std::string text) {
  CommandLine line;
  line.exit_code = exit_code;
  line.text = std::move(text);
  return line;
}

CommandLine BadUsage(std::string_view message) {
  return Stop(2, fmt::format("w2td: {}\n", message));
}

// What the flags say, before anything is checked.
struct Flags {
  std::vector<std::string> listen;
  std::vector<std::string> limits;
  std::string config_file;
  std::map<std::string_view, std::string> settings;
};

void Declare(CLI::App* app, Flags* flags) {
  app->add_option(
         "--listen", flags->listen,
         fmt::format("Address to serve, unix:PATH or HOST:PORT; may be "
                     "repeated (default: {})",
                     fmt::join(Config().listen, ", ")))
      ->type_name("ADDRESS")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app->add_option("--config", flags->config_file,
                  "Configuration file in YAML (default: none)")
      ->type_name("FILE");
  app->add_option("--limit", flags->limits,
                  "Changes a limit; may be repeated. `w2t version` shows all "
                  "limits of a daemon, README their defaults")
      ->type_name("NAME=VALUE")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  for (const Setting& setting : kSettings) {
    const std::string flag = fmt::format("--{}", setting.name);
    std::string* value = &flags->settings[setting.name];
    if (setting.placeholder.empty()) {
      app->add_flag_function(
          flag, [value](int64_t) { *value = "true"; },
          std::string(setting.help));
    } else {
      const std::string fallback = setting.shown_default();
      app->add_option(flag, *value,
                      fallback.empty() ? std::string(setting.help)
                                       : fmt::format("{} (default: {})",
                                                     setting.help, fallback))
          ->type_name(std::string(setting.placeholder));
    }
  }
  app->set_version_flag("--version", "w2td " W2T_VERSION);
}

absl::Status ApplyFlags(const CLI::App& app, const Flags& flags,
                        Config* config) {
  if (!flags.listen.empty()) {
    for (const std::string& address : flags.listen) {
      absl::Status status = CheckAddress(address);
      if (!status.ok()) return status;
    }
    config->listen = flags.listen;
  }
  for (const Setting& setting : kSettings) {
    const std::string flag = fmt::format("--{}", setting.name);
    if (app.count(flag) == 0) continue;
    const absl::Status status =
        setting.set(flags.settings.at(setting.name), config);
    if (!status.ok()) {
      return absl::InvalidArgumentError(
          fmt::format("{} {}", flag, std::string(status.message())));
    }
  }
  for (const std::string& limit : flags.limits) {
    const size_t equals = limit.find('=');
    if (equals == std::string::npos) {
      return absl::InvalidArgumentError(
          fmt::format("--limit must be NAME=VALUE, not '{}'", limit));
    }
    const std::string_view text = limit;
    absl::Status status = SetLimit(text.substr(0, equals),
                                   text.substr(equals + 1), &config->limits);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

// A worker is heard of once in a ping interval, so a lease that is shorter than
// a few of them ends while its worker is well.
constexpr int kPingsPerLease = 2;

absl::Status CheckTogether(const Config& config) {
  if (config.lease_ttl >= kPingsPerLease * config.ping_interval) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(fmt::format(
      "lease-ttl is {} and ping-interval is {}: lease-ttl must be at least {} "
      "ping intervals, or workers that are well are cut off",
      absl::FormatDuration(config.lease_ttl),
      absl::FormatDuration(config.ping_interval), kPingsPerLease));
}

}  // namespace

absl::Span<const Setting> AllSettings() { return kSettings; }

std::string DefaultDataDirectory() {
  const char* state = std::getenv("XDG_STATE_HOME");
  if (state != nullptr && state[0] == '/') return fmt::format("{}/w2t", state);
  const char* home = std::getenv("HOME");
  if (home != nullptr && home[0] == '/') {
    return fmt::format("{}/.local/state/w2t", home);
  }
  return "";
}

CommandLine ParseCommandLine(int argc, const char* const* argv) {
  Flags flags;
  CLI::App app("w2td: runs graphs of tasks on a fleet of workers.", "w2td");
  Declare(&app, &flags);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    return Stop(0, app.help());
  } catch (const CLI::CallForVersion&) {
    return Stop(0, "w2td " W2T_VERSION "\n");
  } catch (const CLI::ParseError& error) {
    return BadUsage(fmt::format("{} (see w2td --help)", error.what()));
  }
  CommandLine line;
  if (!flags.config_file.empty()) {
    const absl::Status applied =
        ApplyConfigFile(flags.config_file, &line.config);
    if (!applied.ok()) return BadUsage(std::string(applied.message()));
  }
  const absl::Status applied = ApplyFlags(app, flags, &line.config);
  if (!applied.ok()) return BadUsage(std::string(applied.message()));
  const absl::Status together = CheckTogether(line.config);
  if (!together.ok()) return BadUsage(std::string(together.message()));
  if (line.config.data.empty()) line.config.data = DefaultDataDirectory();
  if (line.config.data.empty()) {
    return BadUsage("--data is needed where HOME is not set");
  }
  return line;
}

}  // namespace w2t::server
