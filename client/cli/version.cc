#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "client/cli/commands.h"
#include "client/cli/context.h"
#include "client/cli/exit_code.h"
#include "client/cli/json.h"

namespace w2t::cli {

namespace {

// Nobody waits long to be told a version.
constexpr absl::Duration kTimeout = absl::Seconds(2);

std::string ServerText(const v1::GetServerInfoResponse& info,
                       const std::string& address) {
  std::string text = fmt::format(
      "w2td {} at {} (worker protocol {} to {}, started {}{})\n",
      info.version(), address, info.protocol_min(), info.protocol_max(),
      Count(info.epoch(), "time"), info.draining() ? ", draining" : "");
  const std::map<std::string, uint64_t> limits(info.limits().begin(),
                                               info.limits().end());
  Table table({"LIMIT", "VALUE"});
  for (const auto& [name, value] : limits) {
    table.Add({name, fmt::to_string(value)});
  }
  return text + table.ToString();
}

int Version(const Context& context) {
  const auto client =
      Client::Connect(context.server.empty() ? std::string_view(kDefaultAddress)
                                             : std::string_view(context.server),
                      {.call_timeout = kTimeout});
  if (!client.ok()) return context.Fail(client.status());
  const auto info = (*client)->GetServerInfo();
  // A server that nobody named need not be there.
  const bool missed = !info.ok() && !context.server.empty();
  if (context.json()) {
    JsonObject json;
    json.Add("client_version", W2T_VERSION);
    if (info.ok()) json.AddRaw("server", ToJson(*info));
    context.out << json.ToString() << "\n";
  } else {
    context.out << fmt::format("w2t {}\n", W2T_VERSION);
    if (info.ok()) context.out << ServerText(*info, (*client)->address());
  }
  return missed ? context.Fail(info.status()) : kSucceeded;
}

}  // namespace

void AddVersion(CLI::App& app, Context& context) {
  CLI::App* command = app.add_subcommand(
      "version",
      "The version of this program and, when it can be reached, of "
      "the daemon with its limits");
  command->callback(
      [&context] { context.action = [&context] { return Version(context); }; });
}

}  // namespace w2t::cli
