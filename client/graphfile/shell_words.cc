#include "client/graphfile/shell_words.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "client/graphfile/expand.h"

namespace w2t::graphfile {
namespace {

// A word of a shell begins behind one of these.
constexpr std::string_view kWordEnds = " \t\n;&|()";

}  // namespace

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

std::string_view FindDottedVariable(std::string_view line) {
  bool in_double = false;
  bool word_begins = true;
  for (size_t i = 0; i < line.size(); ++i) {
    const std::string_view rest = line.substr(i);
    const char c = rest[0];
    const bool begins = std::exchange(
        word_begins, !in_double && kWordEnds.find(c) != std::string_view::npos);
    if (c == '"') {
      in_double = !in_double;
    } else if (c == '\\' || rest.starts_with("$$")) {
      ++i;
    } else if (c == '\'' && !in_double) {
      i = std::min(line.find('\'', i + 1), line.size());
    } else if (c == '#' && begins && !in_double) {
      i = std::min(line.find('\n', i), line.size());
      word_begins = true;
    } else if (in_double ? c == '`' || rest.starts_with("$(")
                         : rest.starts_with("<<")) {
      return {};
    } else if (rest.starts_with("${")) {
      const std::string_view name = VariableNameAt(rest.substr(2));
      if (!name.empty() && rest.substr(2 + name.size()).starts_with('.')) {
        return rest.substr(0, std::min(rest.find('}'), rest.size() - 1) + 1);
      }
    }
  }
  return {};
}

}  // namespace w2t::graphfile
