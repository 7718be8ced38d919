#include "client/cli/context.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <optional>

#include "client/cli/exit_code.h"
#include "proto/wire/status_codec.h"

namespace w2t::cli {

namespace {

bool IsSet(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0';
}

// What to do next, or nothing.
std::string Hint(const absl::Status& status, bool named) {
  if (IsUnreachable(status)) {
    return named
               ? "is it running, and is this its address? (--server, "
                 "W2T_SERVER)"
               : "start one with `w2td`, or name another one with --server or "
                 "W2T_SERVER";
  }
  switch (status.code()) {
    case absl::StatusCode::kResourceExhausted:
      return "`w2t version` lists the daemon's limits; w2td --limit NAME=VALUE "
             "changes one";
    case absl::StatusCode::kInternal:
    case absl::StatusCode::kDataLoss:
      return "the daemon's log says more";
    default:
      return std::string();
  }
}

}  // namespace

Palette Context::palette() const {
  if (color == "always") return Palette(true);
  if (color == "never") return Palette(false);
  return Palette(live && !IsSet("NO_COLOR"));
}

absl::StatusOr<std::unique_ptr<Client>> Context::Connect(
    std::stop_token stop) const {
  const std::string address = server.empty() ? kDefaultAddress : server;
  ClientOptions options{.stop = std::move(stop)};
  if (wait_for_server.has_value()) {
    options.wait_for_server = options.wait_at_first = *wait_for_server;
  }
  options.on_away = [notices = notices, wait = options.wait_for_server](
                        const absl::Status& error) {
    notices->SetAway(true);
    notices->Say(fmt::format("{}; trying again for {}",
                             std::string(error.message()), LengthText(wait)));
  };
  options.on_back = [notices = notices, address](absl::Duration length) {
    notices->SetAway(false);
    notices->Say(fmt::format("w2td at {} is back after {}", address,
                             ElapsedText(length)));
  };
  return Client::Connect(address, options);
}

int Context::Fail(const absl::Status& status) const {
  out.flush();
  const std::optional<v1::ErrorDetail> detail = wire::DetailOf(status);
  const bool many = detail.has_value() && detail->diagnostics_size() > 1;
  if (many) {
    fmt::memory_buffer lines;
    fmt::format_to(std::back_inserter(lines),
                   "w2t: error: the daemon found {} faults:\n",
                   detail->total());
    for (const v1::Diagnostic& fault : detail->diagnostics()) {
      fmt::format_to(std::back_inserter(lines), "  {}{}{}\n", fault.field(),
                     fault.field().empty() ? "" : ": ", fault.message());
    }
    err << fmt::to_string(lines);
  } else {
    err << fmt::format("w2t: error: {}\n", std::string(status.message()));
  }
  if (const std::string hint = Hint(status, !server.empty()); !hint.empty()) {
    err << fmt::format("  {}\n", hint);
  }
  err.flush();
  return ExitCodeOf(status);
}

int Context::Fail(int exit_code, std::string_view message) const {
  out.flush();
  err << fmt::format("w2t: error: {}\n", message);
  err.flush();
  return exit_code;
}

bool Context::output_closed() const {
  return lost_output() && out_error && out_error() == EPIPE;
}

int Context::Finish(int exit_code) const {
  out.flush();
  if (!lost_output()) return exit_code;
  if (!output_closed()) {
    const int error = out_error ? out_error() : EIO;
    err << fmt::format("w2t: error: cannot write to stdout: {}\n",
                       std::strerror(error));
    err.flush();
  }
  return exit_code == kSucceeded ? kFailed : exit_code;
}

}  // namespace w2t::cli
