// What every command gets: where to write, how, and which daemon to ask.
#ifndef W2T_CLIENT_CLI_CONTEXT_H_
#define W2T_CLIENT_CLI_CONTEXT_H_

#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/cli/text.h"
#include "w2t/client.h"

namespace w2t::cli {

struct Context {
  std::ostream& out;
  std::ostream& err;
  // Whether `out` is the terminal, where things may be redrawn in place.
  bool live = false;

  // Global options.
  std::string server;  // empty: none was named
  std::string output = "text";
  std::string color = "auto";

  // What the chosen command does; returns the exit code.
  std::function<int()> action;

  bool json() const { return output == "json"; }
  Palette palette() const;

  // A client of the server that was named, or of the default one.
  absl::StatusOr<std::unique_ptr<Client>> Connect() const;

  // Says what went wrong and what to do about it, and returns the exit code.
  int Fail(const absl::Status& status) const;
  int Fail(int exit_code, std::string_view message) const;
};

}  // namespace w2t::cli

#endif  // W2T_CLIENT_CLI_CONTEXT_H_
