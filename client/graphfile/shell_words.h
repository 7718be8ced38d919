// Pieces of shell text.
#ifndef W2T_CLIENT_GRAPHFILE_SHELL_WORDS_H_
#define W2T_CLIENT_GRAPHFILE_SHELL_WORDS_H_

#include <string>
#include <string_view>

namespace w2t::graphfile {

// One word for a POSIX shell, whatever the text holds.
std::string ShellQuoted(std::string_view text);

// A line for `sh` that runs `line` by `shell`, words such as "bash -c", in
// `dir` unless it is empty.
std::string RunBy(std::string_view shell, std::string_view line,
                  std::string_view dir);

// A line for bash that runs `line`, one for `sh`, and appends what it writes to
// the file `log` as well; its exit code is that of `line`.
std::string WithLogFile(std::string_view line, std::string_view log);

// The first thing such as "${a.b}" in a line for `sh` that the shell would take
// for a variable and fail on; empty when there is none. Text in single quotes,
// behind a backslash or in a comment is not meant. Behind a here-document or a
// command in double quotes, which quote anew, nothing is found.
std::string_view FindDottedVariable(std::string_view line);

}  // namespace w2t::graphfile

#endif  // W2T_CLIENT_GRAPHFILE_SHELL_WORDS_H_
