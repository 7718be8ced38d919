#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "client/cli/commands.h"
#include "client/cli/context.h"
#include "client/cli/exit_code.h"
#include "client/cli/graph_input.h"
#include "client/cli/json.h"
#include "client/cli/proto_time.h"

namespace w2t::cli {

namespace {

std::string FaultsJson(const graphfile::LoadResult& loaded) {
  JsonArray faults;
  for (const graphfile::Fault& fault : loaded.faults) {
    faults.AddRaw(JsonObject()
                      .Add("file", fault.file)
                      .Add("line", uint64_t{fault.line})
                      .Add("column", uint64_t{fault.column})
                      .Add("message", fault.message)
                      .ToString());
  }
  return JsonObject()
      .Add("valid", false)
      .AddRaw("faults", faults.ToString())
      .ToString();
}

// What the daemon says, which knows its own limits.
absl::StatusOr<v1::ValidateGraphResponse> Ask(const Context& context,
                                              v1::Graph graph) {
  const auto client = context.Connect();
  if (!client.ok()) return client.status();
  return (*client)->Validate(std::move(graph));
}

v1::ValidateGraphResponse Describe(const Blueprint& blueprint) {
  v1::ValidateGraphResponse response;
  response.set_valid(true);
  response.set_steps(blueprint.steps());
  SetDuration(blueprint.critical_path(), response.mutable_critical_path());
  return response;
}

int Validate(const GraphFlags& flags, const Context& context) {
  graphfile::LoadResult loaded = ReadGraph(flags);
  if (!loaded.faults.empty()) {
    if (context.json()) {
      context.out << FaultsJson(loaded) << "\n";
    } else {
      PrintFaults(loaded, flags, context);
    }
    return kBadUsage;
  }
  const Blueprint& blueprint = *loaded.blueprint;
  v1::ValidateGraphResponse verdict = Describe(blueprint);
  if (!context.server.empty()) {
    auto answer = Ask(context, std::move(loaded.graph));
    if (!answer.ok()) return context.Fail(answer.status());
    verdict = *std::move(answer);
  }
  if (context.json()) {
    context.out << ToJson(verdict) << "\n";
    return verdict.valid() ? kSucceeded : kBadUsage;
  }
  for (const std::string& note : loaded.notes) {
    context.err << fmt::format("w2t: note: {}\n", note);
  }
  for (const v1::Diagnostic& fault : verdict.diagnostics()) {
    // Most messages name their field.
    const bool named =
        fault.field().empty() || fault.message().starts_with(fault.field());
    context.err << fmt::format("{}: {}{}{}\n", FileNames(flags),
                               named ? "" : fault.field(), named ? "" : ": ",
                               fault.message());
  }
  if (!verdict.valid()) {
    return context.Fail(kBadUsage,
                        fmt::format("the daemon refuses {}", FileNames(flags)));
  }
  context.out << fmt::format("{}: valid; {} in {}, critical path {}\n",
                             FileNames(flags), Count(blueprint.size(), "task"),
                             Count(verdict.steps(), "step"),
                             LengthText(ToDuration(verdict.critical_path())));
  return kSucceeded;
}

}  // namespace

void AddValidate(CLI::App& app, Context& context) {
  auto flags = std::make_shared<GraphFlags>();
  CLI::App* command =
      app.add_subcommand("validate",
                         "Report every fault of a file; with --server, also "
                         "what that daemon says");
  AddGraphFlags(*command, *flags);
  command->callback([flags, &context] {
    context.action = [flags, &context] { return Validate(*flags, context); };
  });
}

}  // namespace w2t::cli
