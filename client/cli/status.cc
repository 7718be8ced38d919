#include "client/cli/status.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "absl/time/clock.h"
#include "client/cli/commands.h"
#include "client/cli/context.h"
#include "client/cli/exit_code.h"
#include "client/cli/json.h"
#include "client/cli/proto_time.h"
#include "client/cli/report.h"
#include "client/cli/why.h"

namespace w2t::cli {

namespace {

// Without --tasks, a longer list is cut.
constexpr size_t kMaxTasks = 30;

struct StatusFlags {
  std::string run_id;
  bool tasks = false;
};

std::string TimeOf(const v1::TaskStatus& task) {
  if (!task.has_start_time()) return "";
  const absl::Time end =
      task.has_end_time() ? ToTime(task.end_time()) : absl::Now();
  return ElapsedText(
      std::max(end - ToTime(task.start_time()), absl::ZeroDuration()));
}

}  // namespace

std::string TasksText(const std::vector<v1::TaskStatus>& tasks,
                      const Palette& palette) {
  Table table({"TASK", "STATE", "STEP", "ATTEMPT", "WORKER", "TIME", "WHY"});
  for (const v1::TaskStatus& task : tasks) {
    table.Add({task.name(), palette.State(task.state(), StateWord(task)),
               fmt::to_string(task.step()),
               task.attempt() == 0 ? "" : fmt::to_string(task.attempt()),
               task.worker(), TimeOf(task), CleanLine(Why(task), false)});
  }
  return table.ToString();
}

std::string StatusJson(const v1::Run& run,
                       const std::vector<v1::TaskStatus>& tasks) {
  JsonArray list;
  for (const v1::TaskStatus& task : tasks) {
    std::string members = ToJson(task);
    members.pop_back();
    list.AddRaw(fmt::format(R"({},"why":{}}})", members, Quoted(Why(task))));
  }
  return JsonObject()
      .AddRaw("run", ToJson(run))
      .AddRaw("tasks", list.ToString())
      .ToString();
}

namespace {

// What has no outcome yet: first what runs, then what waits and why.
const std::vector<v1::TaskState>& OpenStates() {
  static const auto* const states = new std::vector<v1::TaskState>{
      v1::TASK_STATE_WAITING, v1::TASK_STATE_READY,   v1::TASK_STATE_BACKOFF,
      v1::TASK_STATE_LEASED,  v1::TASK_STATE_RUNNING, v1::TASK_STATE_UP};
  return *states;
}

int Status(const StatusFlags& flags, const Context& context) {
  const auto client = context.Connect();
  if (!client.ok()) return context.Fail(client.status());
  const auto run = flags.run_id.empty() ? (*client)->LatestRun()
                                        : (*client)->GetRun(flags.run_id);
  if (!run.ok()) return context.Fail(run.status());
  std::vector<v1::TaskStatus> tasks;
  const bool wanted = flags.tasks || !IsEnded(run->state());
  // Programs get all of it.
  const size_t most = flags.tasks || context.json() ? SIZE_MAX : kMaxTasks;
  if (wanted) {
    const absl::Status listed = (*client)->ForEachTask(
        run->run_id(),
        flags.tasks ? std::vector<v1::TaskState>() : OpenStates(),
        [&](const v1::TaskStatus& task) {
          if (flags.tasks || task.wait_kind() != v1::WAIT_KIND_DORMANT) {
            tasks.push_back(task);
          }
          return tasks.size() < most;
        });
    if (!listed.ok()) return context.Fail(listed);
  }
  if (context.json()) {
    context.out << StatusJson(*run, tasks) << "\n";
    return kSucceeded;
  }
  const Palette palette = context.palette();
  context.out << ReportText(GatherReport(**client, *run), palette);
  if (tasks.empty()) return kSucceeded;
  context.out << "\n" << TasksText(tasks, palette);
  if (!flags.tasks && tasks.size() == kMaxTasks) {
    context.out << fmt::format("... `w2t status {} --tasks` shows all {}\n",
                               run->run_id(),
                               Count(Total(run->counts()), "task"));
  }
  return kSucceeded;
}

}  // namespace

void AddStatus(CLI::App& app, Context& context) {
  auto flags = std::make_shared<StatusFlags>();
  CLI::App* command = app.add_subcommand(
      "status",
      "Where a run stands, what failed, and what is waiting for what");
  command
      ->add_option("run", flags->run_id, "Id of the run; by default the latest")
      ->type_name("RUN");
  command->add_flag("--tasks", flags->tasks,
                    "All tasks, also those that ended; otherwise, of a run "
                    "that goes on, the open ones");
  command->callback([flags, &context] {
    context.action = [flags, &context] { return Status(*flags, context); };
  });
}

}  // namespace w2t::cli
