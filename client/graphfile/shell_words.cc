#include "client/graphfile/shell_words.h"

#include <fmt/format.h>

namespace w2t::graphfile {

std::string ShellQuoted(std::string_view text) {
  std::string quoted = "'";
  for (const char c : text) {
    if (c == '\'') {
      quoted += "'\\''";
    } else {
      quoted += c;
    }
  }
  return quoted + "'";
}

std::string RunBy(std::string_view shell, std::string_view line,
                  std::string_view dir) {
  std::string run = fmt::format("exec {} {}", shell, ShellQuoted(line));
  if (dir.empty()) return run;
  return fmt::format("cd {} && {}", ShellQuoted(dir), run);
}

std::string WithLogFile(std::string_view line, std::string_view log) {
  // stderr goes through the inner pipe and stdout through the outer one, so
  // that both reach the log and still are what they were. What stops the group
  // must not stop tee before it has written all.
  const std::string tee = fmt::format(
      "(trap '' HUP INT TERM; exec tee -a -- {})", ShellQuoted(log));
  return fmt::format(
      "{{ sh -c {} 2>&1 1>&3 3>&- | {} 1>&2 3>&-; "
      "exit ${{PIPESTATUS[0]}}; }} 3>&1 | {}; exit ${{PIPESTATUS[0]}}",
      ShellQuoted(line), tee, tee);
}

}  // namespace w2t::graphfile
