#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "client/cli/apply.h"
#include "client/cli/commands.h"
#include "client/cli/context.h"
#include "client/cli/exit_code.h"
#include "client/cli/live_run.h"

namespace w2t::cli {

namespace {

struct RestartFlags {
  std::vector<std::string> tasks;
  std::string run;
  ChangeFlags change;
};

int Restart(const RestartFlags& flags, const Context& context) {
  const Interrupts interrupts;
  const auto client = context.Connect(interrupts.token());
  if (!client.ok()) return context.Fail(client.status());
  const auto run = ResolveRun(**client, flags.run);
  if (!run.ok()) return context.Fail(run.status());
  const std::string& run_id = run->run_id();
  const auto tasks = TasksNamed(**client, run_id, flags.tasks);
  if (!tasks.ok()) return context.Fail(tasks.status());
  const auto restarted =
      (*client)->RestartTasks(run_id, *tasks, flags.change.dry_run);
  if (!restarted.ok()) return context.Fail(restarted.status());
  const Scene scene{context, **client, interrupts};
  const Changes changes(restarted->changes().begin(),
                        restarted->changes().end());
  ShowPlan(scene, fmt::format("{}: {}", run_id, ChangesSummary(changes)),
           changes, *restarted);
  if (flags.change.dry_run || flags.change.detach) return kSucceeded;
  FollowOptions options{.run_id = run_id};
  return FollowUntilUp(scene, flags.change, std::move(options));
}

}  // namespace

void AddRestart(CLI::App& app, Context& context) {
  auto flags = std::make_shared<RestartFlags>();
  CLI::App* command = app.add_subcommand(
      "restart",
      "Start tasks of a graph that is up anew, and what follows "
      "them");
  command
      ->add_option("tasks", flags->tasks,
                   "Names of tasks; that of a service with replicas means all "
                   "of them")
      ->type_name("TASK")
      ->required();
  command
      ->add_option("--run", flags->run,
                   "The graph's name, its file, or the run's id; by default "
                   "the only one that is up")
      ->type_name("NAME");
  AddChangeFlags(*command, flags->change);
  command->footer(fmt::format(
      "What depends on one of them over an edge that says restart: true "
      "restarts, too. They are\nstopped in reverse order, and then start in "
      "order. A task that has failed gets another\nchance, with what had been "
      "skipped because of it.\n\n{}",
      kExitCodesHelp));
  command->callback([flags, &context] {
    context.action = [flags, &context] { return Restart(*flags, context); };
  });
}

}  // namespace w2t::cli
