#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <utility>

#include "client/cli/apply.h"
#include "client/cli/commands.h"
#include "client/cli/context.h"
#include "client/cli/exit_code.h"
#include "client/cli/graph_input.h"
#include "client/cli/json.h"
#include "client/cli/live_run.h"

namespace w2t::cli {

namespace {

// Until a run that is stopping has ended.
constexpr absl::Duration kStoppingGap = absl::Milliseconds(100);

struct UpFlags {
  GraphFlags graph;
  std::vector<std::string> scales;
  ChangeFlags change;
};

// The file, and how often it has its tasks. Nothing when it is faulty.
std::optional<graphfile::LoadResult> Load(UpFlags& flags,
                                          const Context& context) {
  for (const std::string& scale : flags.scales) {
    const absl::Status added = AddScale(scale, flags.graph);
    if (added.ok()) continue;
    context.Fail(added);
    return std::nullopt;
  }
  std::optional<graphfile::LoadResult> loaded =
      LoadGraphToRun(flags.graph, context);
  if (!loaded.has_value()) return loaded;
  // Whoever asks for it later does so by its name.
  loaded->graph.set_name(UpName(*loaded, flags.graph.file));
  if (!loaded->graph.name().empty()) return loaded;
  context.Fail(kBadUsage,
               "what comes from standard input and is to stay up "
               "needs a `name`");
  return std::nullopt;
}

// What a graph that is not up would start.
v1::ReviseRunResponse AllNew(const v1::Graph& graph) {
  v1::ReviseRunResponse response;
  for (const v1::Task& task : graph.tasks()) {
    v1::TaskChange& change = *response.add_changes();
    change.set_task(task.name());
    change.set_kind(v1::TASK_CHANGE_KIND_ADDED);
  }
  response.set_revision(1);
  return response;
}

int PlanNew(const Scene& scene, const graphfile::LoadResult& loaded) {
  const v1::ReviseRunResponse response = AllNew(loaded.graph);
  ShowPlan(scene, fmt::format("{} is not up; all is new", loaded.graph.name()),
           {response.changes().begin(), response.changes().end()}, response);
  return kSucceeded;
}

// A run that was just begun.
int FollowNew(const Scene& scene, const UpFlags& flags,
              const graphfile::LoadResult& loaded,
              const v1::SubmitRunResponse& submitted) {
  const std::string& run_id = submitted.run_id();
  const Context& context = scene.context;
  if (flags.change.detach) {
    if (context.json()) {
      context.out << ToJson(submitted) << "\n";
    } else {
      context.out << fmt::format(
          "{0} is coming up: `w2t watch {0}` shows it, `w2t down {1}` ends "
          "it\n",
          run_id, loaded.graph.name());
    }
    return kSucceeded;
  }
  FollowOptions options{.run_id = run_id};
  options.display.blueprint = loaded.blueprint;
  options.display.from_start = true;
  const int exit_code = FollowUntilUp(scene, flags.change, std::move(options));
  if (exit_code == kSucceeded && !context.json() && !flags.change.quiet) {
    context.out << fmt::format(
        "`w2t ps {0}` shows it, `w2t down {0}` ends it\n", loaded.graph.name());
  }
  return exit_code;
}

// The tasks that are meant when targets are named; else none, for all.
std::vector<std::string> Only(const UpFlags& flags,
                              const graphfile::LoadResult& loaded) {
  std::vector<std::string> only;
  if (flags.graph.targets.empty()) return only;
  for (const v1::Task& task : loaded.graph.tasks()) only.push_back(task.name());
  return only;
}

// Waits until a run that is in the way has ended. False when that was
// interrupted.
bool AwaitEnd(const Scene& scene, const std::string& run_id) {
  scene.context.notices->Say(
      fmt::format("{} is being stopped; waiting for its end", run_id));
  while (true) {
    const auto run = scene.client.GetRun(run_id);
    if (!run.ok() || IsEnded(run->state())) return true;
    if (!Pause(scene.interrupts, kStoppingGap)) return false;
  }
}

// Of any number of these at once exactly one begins the run; the others find
// it, and make it into what they want.
int UpLoaded(const Scene& scene, const UpFlags& flags,
             const graphfile::LoadResult& loaded) {
  const std::string& name = loaded.graph.name();
  while (true) {
    if (!flags.change.dry_run) {
      const auto submitted =
          scene.client.Submit(loaded.graph, {.unique_name = true});
      if (submitted.ok()) return FollowNew(scene, flags, loaded, *submitted);
      if (!absl::IsAlreadyExists(submitted.status())) {
        return scene.context.Fail(submitted.status());
      }
    }
    const auto found = FindUp(scene.client, name);
    if (!found.ok()) return scene.context.Fail(found.status());
    if (!found->has_value()) {
      if (flags.change.dry_run) return PlanNew(scene, loaded);
      continue;  // it has just ended
    }
    const auto applied =
        Apply(scene, flags.change, **found, loaded, Only(flags, loaded));
    if (applied.ok()) return *applied;
    const auto now = scene.client.GetRun((*found)->run_id());
    const bool over = now.ok() && (now->state() == v1::RUN_STATE_STOPPING ||
                                   IsEnded(now->state()));
    if (!absl::IsFailedPrecondition(applied.status()) || !over) {
      return scene.context.Fail(applied.status());
    }
    if (!AwaitEnd(scene, (*found)->run_id())) return kInterrupted;
  }
}

int Up(UpFlags& flags, const Context& context) {
  const Interrupts interrupts;
  const auto loaded = Load(flags, context);
  if (!loaded.has_value()) return kBadUsage;
  const auto client = context.Connect(interrupts.token());
  if (!client.ok()) return context.Fail(client.status());
  return UpLoaded({context, **client, interrupts}, flags, *loaded);
}

// The same for what is up already.
int ApplyFile(UpFlags& flags, const Context& context) {
  const Interrupts interrupts;
  const auto loaded = Load(flags, context);
  if (!loaded.has_value()) return kBadUsage;
  const auto client = context.Connect(interrupts.token());
  if (!client.ok()) return context.Fail(client.status());
  const auto found = FindUp(**client, loaded->graph.name());
  if (!found.ok()) return context.Fail(found.status());
  if (!found->has_value()) {
    return context.Fail(
        kBadUsage, fmt::format("{} is not up; `w2t up {}` starts it",
                               loaded->graph.name(), FileNames(flags.graph)));
  }
  const auto applied = Apply({context, **client, interrupts}, flags.change,
                             **found, *loaded, Only(flags, *loaded));
  return applied.ok() ? *applied : context.Fail(applied.status());
}

CLI::App* AddCommand(CLI::App& app, const char* name, const char* description,
                     int (*act)(UpFlags&, const Context&), Context& context) {
  auto flags = std::make_shared<UpFlags>();
  CLI::App* command = app.add_subcommand(name, description);
  if (std::string_view(name) == "scale") {
    command
        ->add_option("file", flags->graph.file,
                     "The graph; - is standard input")
        ->type_name("FILE")
        ->required();
    command
        ->add_option("scales", flags->scales,
                     "A service and how many replicas of it there are to be")
        ->type_name("NAME=N")
        ->required();
    AddGraphOptions(*command, flags->graph);
  } else {
    AddGraphFlags(*command, flags->graph);
    command
        ->add_option("--scale", flags->scales,
                     "How many replicas of a service there are to be, in place "
                     "of what the file says; may be given again")
        ->type_name("NAME=N")
        ->expected(1)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  }
  AddChangeFlags(*command, flags->change);
  command->callback([flags, act, &context] {
    context.action = [flags, act, &context] { return act(*flags, context); };
  });
  return command;
}

}  // namespace

void AddUp(CLI::App& app, Context& context) {
  AddCommand(app, "up",
             "Bring a graph up and leave it up; what is up already is changed "
             "to what the file says",
             Up, context)
      ->footer(fmt::format(
          "It shows what happens until every service is ready and every task "
          "has ended, and\nends then; the graph stays up, on the daemon. "
          "Afterwards:\n\n"
          "  w2t ps [NAME]          what is up\n"
          "  w2t apply FILE         change it to what the file says now\n"
          "  w2t restart TASK       start a task anew, and what follows it\n"
          "  w2t down [NAME]        stop it, in reverse order\n\n"
          "Of each graph, by its name, one is up at a time: when another `up` "
          "comes second, it\nfinds the first one's run and changes it. ^C "
          "leaves the run as it is.\n\nIt ends with 1 when something has "
          "failed; what is up stays up.\n\n{}",
          kExitCodesHelp));
}

void AddApply(CLI::App& app, Context& context) {
  AddCommand(app, "apply",
             "Change a graph that is up to what its file says now", ApplyFile,
             context)
      ->footer(fmt::format(
          "The plan comes first:\n\n"
          "  + new          starts\n"
          "  - old          is stopped, and is gone\n"
          "  ~ api          is stopped, and starts as something else\n"
          "  > web          follows over an edge that says restart: true\n\n"
          "Everything else goes on running. What is to be stopped is stopped "
          "in reverse order\nbefore anything starts. Replicas of a service "
          "with a `rollout` are changed in\nbatches, each when the one before "
          "is up. The daemon carries out what it has been\ntold, also when "
          "this command is killed; batches that were not begun are left "
          "out,\nand the next `apply` does them.\n\n{}",
          kExitCodesHelp));
}

void AddScaleCommand(CLI::App& app, Context& context) {
  AddCommand(app, "scale", "Change how many replicas of a service are up",
             ApplyFile, context)
      ->footer(fmt::format(
          "It is `apply` with other numbers: what else differs in the file is "
          "changed, too.\nThe next `apply` or `up` of the file goes back to "
          "the numbers in it.\n\n{}",
          kExitCodesHelp));
}

}  // namespace w2t::cli
