#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <map>

#include "absl/time/clock.h"
#include "client/cli/commands.h"
#include "client/cli/context.h"
#include "client/cli/exit_code.h"
#include "client/cli/json.h"
#include "client/cli/proto_time.h"

namespace w2t::cli {

namespace {

// "cpus 1.5/4, gpus 0/1": used of had.
std::string ResourcesText(const v1::Worker& worker) {
  std::map<std::string, uint64_t> used;
  for (const v1::Resource& resource : worker.used()) {
    used[resource.name()] = resource.milli();
  }
  std::string text;
  for (const v1::Resource& resource : worker.resources()) {
    if (!text.empty()) text += ", ";
    text += fmt::format("{} {:g}/{:g}", resource.name(),
                        static_cast<double>(used[resource.name()]) / 1000,
                        static_cast<double>(resource.milli()) / 1000);
  }
  return text;
}

std::string LabelsText(const v1::Worker& worker) {
  const std::map<std::string, std::string> sorted(worker.labels().begin(),
                                                  worker.labels().end());
  std::string text;
  for (const auto& [key, value] : sorted) {
    text += fmt::format("{}{}={}", text.empty() ? "" : ",", key, value);
  }
  return text.empty() ? "-" : text;
}

std::string StateText(v1::WorkerState state, const Palette& palette) {
  const std::string word = Word(state);
  if (state == v1::WORKER_STATE_ONLINE) return palette.Green(word);
  return state == v1::WORKER_STATE_DETACHED ? palette.Red(word)
                                            : palette.Yellow(word);
}

int Workers(const Context& context) {
  const auto client = context.Connect();
  if (!client.ok()) return context.Fail(client.status());
  const auto all = (*client)->ListWorkers();
  if (!all.ok()) return context.Fail(all.status());
  if (context.json()) {
    context.out << ToJson(*all) << "\n";
    return kSucceeded;
  }
  if (all->workers().empty()) {
    context.out << fmt::format(
        "no workers; start one with `w2t-worker --server {}`\n",
        (*client)->address());
    return kSucceeded;
  }
  Table table({"WORKER", "STATE", "HOLDS", "RESOURCES", "LABELS", "LAST SEEN",
               "VERSION"});
  for (const v1::Worker& worker : all->workers()) {
    const absl::Duration silent = absl::Now() - ToTime(worker.last_seen_time());
    table.Add({worker.name(), StateText(worker.state(), context.palette()),
               fmt::format("{}/{}", worker.leases(), worker.max_leases()),
               ResourcesText(worker), LabelsText(worker),
               fmt::format("{} ago",
                           ElapsedText(std::max(silent, absl::ZeroDuration()))),
               worker.version()});
  }
  context.out << table.ToString();
  return kSucceeded;
}

}  // namespace

void AddWorkers(CLI::App& app, Context& context) {
  CLI::App* command =
      app.add_subcommand("workers", "The workers that the daemon knows");
  command->callback(
      [&context] { context.action = [&context] { return Workers(context); }; });
}

}  // namespace w2t::cli
