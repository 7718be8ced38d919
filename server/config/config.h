// The daemon's configuration: flags, then the file that --config names, then
// the defaults.
#ifndef W2T_SERVER_CONFIG_CONFIG_H_
#define W2T_SERVER_CONFIG_CONFIG_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "server/limits.h"
#include "server/observe/log.h"

namespace w2t::server {

struct Config {
  std::vector<std::string> listen = {"127.0.0.1:7420"};
  std::string data;          // directory
  std::string address_file;  // empty: none
  absl::Duration reattach_window = absl::Seconds(10);
  absl::Duration lease_ttl = absl::Seconds(10);
  absl::Duration ping_interval = absl::Seconds(2);
  absl::Duration shutdown_grace = absl::Seconds(10);
  absl::Duration retention = absl::Hours(7 * 24);
  LogLevel log_level = LogLevel::kInfo;
  bool stop_with_parent = false;
  ServerLimits limits;
};

// A setting that has one value. Its name is that of the flag and of the key in
// the file.
struct Setting {
  std::string_view name;
  std::string_view placeholder;
  std::string_view help;
  // For --help; empty: there is none.
  std::string (*shown_default)();
  // INVALID_ARGUMENT says what is wrong, without the name.
  absl::Status (*set)(std::string_view value, Config* config);
};
absl::Span<const Setting> AllSettings();

// What the command line comes to.
struct CommandLine {
  Config config;
  // Set when there is nothing to run: the exit code, and what to print.
  std::optional<int> exit_code;
  std::string text;
};
CommandLine ParseCommandLine(int argc, const char* const* argv);

// Applies a file in YAML. INVALID_ARGUMENT with a line "file:line:column: ..."
// for each key that is not known and each value that does not fit, 20 at most;
// NOT_FOUND when it cannot be read.
absl::Status ApplyConfigFile(const std::string& path, Config* config);

// $XDG_STATE_HOME/w2t, or ~/.local/state/w2t.
std::string DefaultDataDirectory();

}  // namespace w2t::server

#endif  // W2T_SERVER_CONFIG_CONFIG_H_
