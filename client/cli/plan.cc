#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>

#include "client/cli/commands.h"
#include "client/cli/context.h"
#include "client/cli/exit_code.h"
#include "client/cli/graph_input.h"
#include "client/cli/json.h"
#include "client/cli/options.h"
#include "client/cli/proto_time.h"
#include "client/graphfile/scalars.h"
#include "core/engine/predict.h"
#include "proto/wire/graph_codec.h"
#include "proto/wire/unlimited.h"
#include "w2t/internal/suggest.h"

namespace w2t::cli {

namespace {

struct PlanFlags {
  GraphFlags graph;
  uint32_t slots = Cores();
  std::vector<std::string> ifs;  // NAME=DURATION
};

// A blueprint with what is expected of it.
struct Plan {
  std::shared_ptr<const Blueprint> blueprint;
  Prediction prediction;
  uint32_t slots;
  std::vector<std::vector<TaskIndex>> steps;  // by start, then index
  std::vector<TaskIndex> critical;
  std::vector<bool> is_critical;
  std::vector<bool> assumed;  // no estimate was given
  // Without what --if supposes.
  std::optional<absl::Duration> actual_length;
};

Plan MakePlan(const graphfile::LoadResult& loaded, uint32_t slots) {
  Plan plan;
  plan.blueprint = loaded.blueprint;
  plan.assumed.resize(plan.blueprint->size());
  for (const v1::Task& task : loaded.graph.tasks()) {
    const TaskIndex index = plan.blueprint->Find(task.name());
    if (index != kNoTask) plan.assumed[index] = !task.has_estimate();
  }
  plan.slots = slots;
  plan.prediction = Predict(plan.blueprint, slots);
  plan.critical = plan.blueprint->CriticalTasks();
  plan.is_critical.resize(plan.blueprint->size());
  for (const TaskIndex task : plan.critical) plan.is_critical[task] = true;
  plan.steps.resize(plan.blueprint->steps());
  for (TaskIndex task = 0; task < plan.blueprint->size(); ++task) {
    plan.steps[plan.blueprint->step(task) - 1].push_back(task);
  }
  for (std::vector<TaskIndex>& step : plan.steps) {
    std::stable_sort(
        step.begin(), step.end(), [&plan](TaskIndex a, TaskIndex b) {
          return plan.prediction.start[a] < plan.prediction.start[b];
        });
  }
  return plan;
}

// The names of the critical path; of a long one the first and the last.
std::string PathText(const Plan& plan) {
  constexpr size_t kMost = 12;
  std::string text;
  for (size_t i = 0; i < plan.critical.size(); ++i) {
    if (plan.critical.size() > kMost && i == kMost - 2) {
      text +=
          fmt::format(" -> ... {} more ...", plan.critical.size() - kMost + 1);
      i = plan.critical.size() - 1;
    }
    if (i > 0) text += " -> ";
    text += plan.blueprint->task_name(plan.critical[i]);
  }
  return text;
}

std::string PlanText(const Plan& plan, const Palette& palette) {
  const Blueprint& blueprint = *plan.blueprint;
  std::string text = fmt::format(
      "{}: {} in {}\n"
      "expected length  {} with {}\n"
      "critical path    {}: {}\n\n",
      palette.Bold(blueprint.name()), Count(blueprint.size(), "task"),
      Count(blueprint.steps(), "step"),
      palette.Bold(LengthText(plan.prediction.length)),
      Count(plan.slots, "slot"), LengthText(blueprint.critical_path()),
      PathText(plan));
  Table table({"STEP", "TASK", "START", "LENGTH", ""});
  for (size_t step = 0; step < plan.steps.size(); ++step) {
    for (const TaskIndex task : plan.steps[step]) {
      const bool service = blueprint.kind(task) == TaskKind::kService;
      table.Add(
          {fmt::to_string(step + 1), std::string(blueprint.task_name(task)),
           LengthText(plan.prediction.start[task]),
           LengthText(blueprint.estimate(task)),
           fmt::format("{}{}{}{}", plan.is_critical[task] ? "critical" : "",
                       service ? " service" : "",
                       plan.assumed[task] ? " assumed" : "",
                       blueprint.at_most_once(task) ? " at-most-once" : "")});
    }
  }
  text += table.ToString();
  if (plan.actual_length) {
    const absl::Duration sooner = *plan.actual_length - plan.prediction.length;
    text += fmt::format("\nsupposed: {} {} than the {} of the file\n",
                        LengthText(absl::AbsDuration(sooner)),
                        sooner < absl::ZeroDuration() ? "later" : "sooner",
                        LengthText(*plan.actual_length));
  }
  const auto assumed = static_cast<uint64_t>(
      std::count(plan.assumed.begin(), plan.assumed.end(), true));
  if (assumed > 0) {
    text += fmt::format("\nassumed: {} without an estimate\n",
                        Count(assumed, "task"));
  }
  return text;
}

std::string PlanJson(const Plan& plan) {
  const Blueprint& blueprint = *plan.blueprint;
  JsonArray steps;
  for (size_t step = 0; step < plan.steps.size(); ++step) {
    JsonArray tasks;
    for (const TaskIndex task : plan.steps[step]) {
      tasks.AddRaw(
          JsonObject()
              .Add("name", blueprint.task_name(task))
              .Add("service", blueprint.kind(task) == TaskKind::kService)
              .Add("estimate", blueprint.estimate(task))
              .Add("estimate_assumed", static_cast<bool>(plan.assumed[task]))
              .Add("at_most_once", blueprint.at_most_once(task))
              .Add("start", plan.prediction.start[task])
              .Add("end", plan.prediction.end[task])
              .Add("critical", static_cast<bool>(plan.is_critical[task]))
              .ToString());
    }
    steps.AddRaw(JsonObject()
                     .Add("step", uint64_t{step + 1})
                     .AddRaw("tasks", tasks.ToString())
                     .ToString());
  }
  JsonArray path;
  for (const TaskIndex task : plan.critical) {
    path.Add(blueprint.task_name(task));
  }
  JsonObject json;
  if (plan.actual_length) json.Add("actual_length", *plan.actual_length);
  return json.Add("name", blueprint.name())
      .Add("tasks", uint64_t{blueprint.size()})
      .Add("dependencies", blueprint.edges())
      .Add("slots", uint64_t{plan.slots})
      .Add("step_count", uint64_t{blueprint.steps()})
      .Add("expected_length", plan.prediction.length)
      .Add("critical_path_length", blueprint.critical_path())
      .AddRaw("critical_path", path.ToString())
      .AddRaw("steps", steps.ToString())
      .ToString();
}

// Changes the estimates of `graph`.
absl::Status Suppose(const std::vector<std::string>& ifs, v1::Graph& graph) {
  for (const std::string& text : ifs) {
    // Names may hold a "=", durations do not.
    const size_t equals = text.rfind('=');
    const std::optional<absl::Duration> length =
        equals == std::string::npos
            ? std::nullopt
            : graphfile::ParseDuration(text.substr(equals + 1));
    if (!length) {
      return absl::InvalidArgumentError(fmt::format(
          "--if {} is not of the form NAME=DURATION, like migrate=30s", text));
    }
    const std::string name = text.substr(0, equals);
    const auto& tasks = graph.tasks();
    const auto task = std::find_if(
        tasks.begin(), tasks.end(),
        [&](const v1::Task& candidate) { return candidate.name() == name; });
    if (task == tasks.end()) {
      const std::string_view meant =
          Suggest(name, tasks.size(), [&](size_t i) -> std::string_view {
            return tasks[static_cast<int>(i)].name();
          });
      return absl::InvalidArgumentError(fmt::format(
          "--if {}: there is no task \"{}\"{}", text, name,
          meant.empty() ? "" : fmt::format("; did you mean \"{}\"?", meant)));
    }
    SetDuration(*length,
                graph.mutable_tasks(static_cast<int>(task - tasks.begin()))
                    ->mutable_estimate());
  }
  return absl::OkStatus();
}

int ShowPlan(const PlanFlags& flags, const Context& context) {
  auto loaded = LoadGraph(flags.graph, context);
  if (!loaded.has_value()) return kBadUsage;
  std::optional<absl::Duration> actual_length;
  if (!flags.ifs.empty()) {
    actual_length = Predict(loaded->blueprint, flags.slots).length;
    const absl::Status supposed = Suppose(flags.ifs, loaded->graph);
    if (!supposed.ok()) {
      return context.Fail(kBadUsage, std::string(supposed.message()));
    }
    loaded->blueprint =
        wire::DecodeGraph(loaded->graph, wire::Unlimited()).blueprint;
  }
  Plan plan = MakePlan(*loaded, flags.slots);
  plan.actual_length = actual_length;
  if (context.json()) {
    context.out << PlanJson(plan) << "\n";
  } else {
    context.out << PlanText(plan, context.palette());
  }
  return kSucceeded;
}

}  // namespace

void AddPlan(CLI::App& app, Context& context) {
  auto flags = std::make_shared<PlanFlags>();
  CLI::App* command = app.add_subcommand(
      "plan",
      "Show the steps, the critical path and the expected length of a run, "
      "without running it");
  AddGraphFlags(*command, flags->graph);
  AddNumber(*command, "--slots", flags->slots, 1, 1'000'000,
            "Slots to plan for; by default as many as there are processors");
  command
      ->add_option("--if", flags->ifs,
                   "Suppose that a task takes this long, and say how much "
                   "sooner all would be done; may be repeated")
      ->type_name("NAME=DURATION")
      ->allow_extra_args(false);
  command->callback([flags, &context] {
    context.action = [flags, &context] { return ShowPlan(*flags, context); };
  });
}

}  // namespace w2t::cli
