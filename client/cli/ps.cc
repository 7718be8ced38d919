#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "client/cli/commands.h"
#include "client/cli/context.h"
#include "client/cli/exit_code.h"
#include "client/cli/json.h"
#include "client/cli/live_run.h"
#include "client/cli/status.h"

namespace w2t::cli {

namespace {

struct PsFlags {
  std::string name;
  bool all = false;
};

struct Shown {
  v1::Run run;
  std::vector<v1::TaskStatus> tasks;
};

// Services, and what else has not ended well so far. What only undoes something
// counts once it has something to undo.
bool IsShown(const v1::TaskStatus& task, bool all) {
  if (all) return true;
  const bool idle = task.state() == v1::TASK_STATE_CANCELLED ||
                    task.wait_kind() == v1::WAIT_KIND_DORMANT;
  if (idle) return false;
  return task.service() || task.state() != v1::TASK_STATE_SUCCEEDED;
}

absl::StatusOr<std::vector<Shown>> Gather(Client& client,
                                          const PsFlags& flags) {
  std::vector<v1::Run> runs;
  if (flags.name.empty()) {
    absl::StatusOr<std::vector<v1::Run>> live = LiveRuns(client);
    if (!live.ok()) return live.status();
    runs = *std::move(live);
  } else {
    absl::StatusOr<v1::Run> run = ResolveRun(client, flags.name);
    if (!run.ok()) return run.status();
    runs.push_back(*std::move(run));
  }
  std::vector<Shown> shown;
  for (v1::Run& run : runs) {
    Shown& one = shown.emplace_back();
    one.run = std::move(run);
    const absl::Status listed = client.ForEachTask(
        one.run.run_id(), {}, [&](const v1::TaskStatus& task) {
          if (IsShown(task, flags.all)) one.tasks.push_back(task);
          return true;
        });
    if (!listed.ok()) return listed;
  }
  return shown;
}

std::string HeadText(const v1::Run& run, const Palette& palette) {
  return fmt::format("{} {} for {}: {}{}", palette.Bold(run.run_id()),
                     palette.State(run.state(), Word(run.state())),
                     ElapsedText(run), CountsText(run.counts()),
                     run.revision() > 1
                         ? fmt::format(", revision {}", run.revision())
                         : std::string());
}

int Ps(const PsFlags& flags, const Context& context) {
  const auto client = context.Connect();
  if (!client.ok()) return context.Fail(client.status());
  const auto shown = Gather(**client, flags);
  if (!shown.ok()) return context.Fail(shown.status());
  if (context.json()) {
    JsonArray runs;
    for (const Shown& one : *shown) {
      runs.AddRaw(StatusJson(one.run, one.tasks));
    }
    context.out << JsonObject().AddRaw("runs", runs.ToString()).ToString()
                << "\n";
    return kSucceeded;
  }
  if (shown->empty()) {
    context.out << "nothing is up; `w2t up FILE` starts a graph\n";
  }
  for (size_t i = 0; i < shown->size(); ++i) {
    context.out << (i == 0 ? "" : "\n")
                << HeadText((*shown)[i].run, context.palette()) << "\n"
                << TasksText((*shown)[i].tasks, context.palette());
  }
  return kSucceeded;
}

}  // namespace

void AddPs(CLI::App& app, Context& context) {
  auto flags = std::make_shared<PsFlags>();
  CLI::App* command = app.add_subcommand(
      "ps", "What is up: the services, and what has not ended well");
  command
      ->add_option("name", flags->name,
                   "The graph's name, its file, or a run's id; by default all "
                   "that are up")
      ->type_name("NAME");
  command->add_flag("--all,-a", flags->all, "All tasks");
  command->callback([flags, &context] {
    context.action = [flags, &context] { return Ps(*flags, context); };
  });
}

}  // namespace w2t::cli
