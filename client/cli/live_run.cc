#include "client/cli/live_run.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "client/cli/graph_input.h"
#include "client/cli/text.h"
#include "w2t/internal/suggest.h"

namespace w2t::cli {

namespace {

constexpr uint32_t kPage = 1'000;

bool IsFile(std::string_view what) {
  return what.find('/') != std::string_view::npos || what.ends_with(".yaml") ||
         what.ends_with(".yml") || what.ends_with(".json");
}

std::vector<std::string> NamesOf(const std::vector<v1::Run>& runs) {
  std::vector<std::string> names;
  for (const v1::Run& run : runs) names.push_back(run.name());
  return names;
}

// The only one that is up.
absl::StatusOr<v1::Run> OnlyRun(Client& client) {
  absl::StatusOr<std::vector<v1::Run>> runs = LiveRuns(client);
  if (!runs.ok()) return runs.status();
  if (runs->empty()) {
    return absl::NotFoundError("nothing is up; `w2t up FILE` starts a graph");
  }
  if (runs->size() == 1) return std::move(runs->front());
  return absl::InvalidArgumentError(
      fmt::format("{} are up: {}; name one", Count(runs->size(), "graph"),
                  fmt::join(NamesOf(*runs), ", ")));
}

absl::Status NotUp(Client& client, const std::string& name) {
  const absl::StatusOr<std::vector<v1::Run>> runs = LiveRuns(client);
  if (!runs.ok()) return runs.status();
  const std::vector<std::string> names = NamesOf(*runs);
  return absl::NotFoundError(
      names.empty() ? fmt::format("{} is not up, and nothing else is", name)
                    : fmt::format("{} is not up; there {} {}", name,
                                  names.size() == 1 ? "is" : "are",
                                  fmt::join(names, ", ")));
}

}  // namespace

absl::StatusOr<std::vector<v1::Run>> LiveRuns(Client& client,
                                              const std::string& name) {
  std::vector<v1::Run> runs;
  ListOptions options{.page_size = kPage, .name = name, .live = true};
  do {
    absl::StatusOr<v1::ListRunsResponse> page = client.ListRuns(options);
    if (!page.ok()) return page.status();
    for (v1::Run& run : *page->mutable_runs()) {
      if (run.unique_name()) runs.push_back(std::move(run));
    }
    options.page_token = page->next_page_token();
  } while (!options.page_token.empty());
  return runs;
}

absl::StatusOr<std::optional<v1::Run>> FindUp(Client& client,
                                              const std::string& name) {
  absl::StatusOr<std::vector<v1::Run>> runs = LiveRuns(client, name);
  if (!runs.ok()) return runs.status();
  if (runs->empty()) return std::nullopt;
  return std::move(runs->front());
}

absl::StatusOr<v1::Run> ResolveRun(Client& client, const std::string& what) {
  if (what.empty()) return OnlyRun(client);
  std::string name = what;
  if (IsFile(what)) {
    const graphfile::LoadResult loaded = ReadGraph({.file = what});
    if (!loaded.faults.empty()) {
      return absl::InvalidArgumentError(
          fmt::format("{}; the name of the graph does as well",
                      loaded.faults.front().ToString()));
    }
    name = UpName(loaded, what);
  }
  const absl::StatusOr<std::optional<v1::Run>> up = FindUp(client, name);
  if (!up.ok()) return up.status();
  if (up->has_value()) return **up;
  absl::StatusOr<v1::Run> run = client.GetRun(name);
  if (run.ok() || !absl::IsNotFound(run.status())) return run;
  absl::StatusOr<v1::ListRunsResponse> known =
      client.ListRuns({.page_size = 1, .name = name});
  if (!known.ok()) return known.status();
  if (!known->runs().empty()) return std::move(*known->mutable_runs(0));
  return NotUp(client, name);
}

bool IsReplicaOf(std::string_view name, std::string_view group) {
  if (!name.starts_with(group) || name.size() < group.size() + 2 ||
      name[group.size()] != '-') {
    return false;
  }
  const std::string_view number = name.substr(group.size() + 1);
  return std::all_of(number.begin(), number.end(),
                     [](char c) { return c >= '0' && c <= '9'; });
}

absl::StatusOr<std::vector<std::string>> TasksNamed(
    Client& client, std::string_view run_id,
    const std::vector<std::string>& names) {
  std::vector<std::string> all;
  const absl::Status listed =
      client.ForEachTask(run_id, {}, [&all](const v1::TaskStatus& task) {
        all.push_back(task.name());
        return true;
      });
  if (!listed.ok()) return listed;
  std::vector<std::string> tasks;
  for (const std::string& name : names) {
    if (std::find(all.begin(), all.end(), name) != all.end()) {
      tasks.push_back(name);
      continue;
    }
    const size_t before = tasks.size();
    std::copy_if(
        all.begin(), all.end(), std::back_inserter(tasks),
        [&name](const std::string& task) { return IsReplicaOf(task, name); });
    if (tasks.size() > before) continue;
    const std::string_view meant = Suggest(name, all.size(), [&all](size_t i) {
      return std::string_view(all[i]);
    });
    return absl::NotFoundError(fmt::format(
        "{} has no task \"{}\"{}", run_id, name,
        meant.empty() ? std::string()
                      : fmt::format("; did you mean \"{}\"?", meant)));
  }
  return tasks;
}

}  // namespace w2t::cli
