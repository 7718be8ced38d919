// What every command gets: where to write, how, and which daemon to ask.
#ifndef W2T_CLIENT_CLI_CONTEXT_H_
#define W2T_CLIENT_CLI_CONTEXT_H_

#include <functional>
#include <memory>
#include <optional>
#include <ostream>
#include <stop_token>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/cli/notices.h"
#include "client/cli/text.h"
#include "w2t/client.h"

namespace w2t::cli {

struct Context {
  std::ostream& out;
  std::ostream& err;
  // Whether `out` is the terminal, where things may be redrawn in place.
  bool live = false;

  // The errno of the write that `out` failed with, 0 while it is well. Empty:
  // not known.
  std::function<int()> out_error;

  // Global options.
  std::string server;  // empty: none was named
  std::string output = "text";
  std::string color = "auto";
  // How long a server may be away. Not given: only one that was reached before.
  std::optional<absl::Duration> wait_for_server;

  // What the chosen command does; returns the exit code.
  std::function<int()> action;

  bool json() const { return output == "json"; }
  Palette palette() const;

  std::shared_ptr<Notices> notices = std::make_shared<Notices>(err);

  // A client of the server that was named, or of the default one. Says when
  // that is away, and when it is back; `stop` ends the waiting.
  absl::StatusOr<std::unique_ptr<Client>> Connect(
      std::stop_token stop = {}) const;

  // Says what went wrong and what to do about it, and returns the exit code.
  int Fail(const absl::Status& status) const;
  int Fail(int exit_code, std::string_view message) const;

  // True once something could not be written to `out`.
  bool lost_output() const { return !out.good(); }
  // Whether that is because nobody reads it any more.
  bool output_closed() const;
  // Writes what is left and returns how the command ends: with `exit_code`, but
  // not well when output was lost. Says so, unless nobody wanted to read it.
  int Finish(int exit_code) const;
};

}  // namespace w2t::cli

#endif  // W2T_CLIENT_CLI_CONTEXT_H_
