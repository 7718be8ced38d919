#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "client/cli/commands.h"
#include "client/cli/context.h"
#include "client/cli/exit_code.h"
#include "client/cli/json.h"
#include "client/cli/options.h"
#include "client/cli/proto_time.h"

namespace w2t::cli {

namespace {

struct ListFlags {
  uint32_t most = 20;
};

int List(const ListFlags& flags, const Context& context) {
  const auto client = context.Connect();
  if (!client.ok()) return context.Fail(client.status());
  v1::ListRunsResponse all;
  do {
    constexpr uint32_t kLargestPage = 1'000;
    const uint32_t missing = flags.most - all.runs_size();
    const auto page =
        (*client)->ListRuns({.page_size = std::min(missing, kLargestPage),
                             .page_token = all.next_page_token()});
    if (!page.ok()) return context.Fail(page.status());
    all.clear_next_page_token();
    all.MergeFrom(*page);
  } while (!all.next_page_token().empty() &&
           static_cast<uint32_t>(all.runs_size()) < flags.most);
  if (context.json()) {
    context.out << ToJson(all) << "\n";
    return kSucceeded;
  }
  const Palette palette = context.palette();
  Table table({"RUN", "STATE", "TASKS", "STARTED", "TIME", "COUNTS"});
  for (const v1::Run& run : all.runs()) {
    table.Add({run.run_id(), palette.State(run.state(), Word(run.state())),
               fmt::to_string(Total(run.counts())),
               TimeText(ToTime(run.create_time())), ElapsedText(run),
               CountsText(run.counts())});
  }
  context.out << table.ToString();
  if (!all.next_page_token().empty()) {
    context.err << fmt::format("more runs: w2t list -n {}\n",
                               uint64_t{flags.most} * 10);
  }
  return kSucceeded;
}

}  // namespace

void AddList(CLI::App& app, Context& context) {
  auto flags = std::make_shared<ListFlags>();
  CLI::App* command = app.add_subcommand("list", "Runs, the newest first");
  AddNumber(*command, "-n,--most", flags->most, 1, 1'000'000,
            "How many to show");
  command->callback([flags, &context] {
    context.action = [flags, &context] { return List(*flags, context); };
  });
}

}  // namespace w2t::cli
