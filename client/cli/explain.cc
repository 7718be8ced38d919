#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "absl/time/clock.h"
#include "client/cli/commands.h"
#include "client/cli/context.h"
#include "client/cli/exit_code.h"
#include "client/cli/json.h"
#include "client/cli/proto_time.h"
#include "client/cli/text.h"
#include "client/cli/why.h"

namespace w2t::cli {

namespace {

struct ExplainFlags {
  std::string task;
  std::string run_id;
};

std::string Relation(v1::Condition condition) {
  switch (condition) {
    case v1::CONDITION_SUCCEEDED:
      return " must have succeeded";
    case v1::CONDITION_FINISHED:
      return " must have ended";
    case v1::CONDITION_FAILED:
      return " must have failed";
    case v1::CONDITION_STARTED:
      return " must have started";
    case v1::CONDITION_READY:
      return " must be ready";
    default:
      return "";
  }
}

// " for 12s of about 40s"
std::string Lasting(const google::protobuf::Timestamp& start,
                    const google::protobuf::Duration* estimate) {
  std::string text = fmt::format(
      " for {}",
      ElapsedText(std::max(absl::Now() - ToTime(start), absl::ZeroDuration())));
  if (estimate != nullptr) {
    text += fmt::format(" of about {}", LengthText(ToDuration(*estimate)));
  }
  return text;
}

// What it does, on which worker, since when.
std::string Doing(const v1::ExplainedTask& explained) {
  const v1::TaskStatus& task = explained.task();
  std::string text = StateWord(task);
  if (IsFailure(task.state())) {
    return fmt::format("{}: {}", text,
                       FailureText(task.state(), task.exit_code(),
                                   task.signal(), task.message()));
  }
  if (IsOutcome(task.state())) return text;
  const bool held = task.state() == v1::TASK_STATE_LEASED ||
                    task.state() == v1::TASK_STATE_RUNNING ||
                    task.state() == v1::TASK_STATE_UP;
  if (!held) return text;
  if (task.attempt() > 1) text += fmt::format(", attempt {},", task.attempt());
  text += fmt::format(" on {}", task.worker());
  if (task.has_start_time()) {
    text +=
        Lasting(task.start_time(), explained.has_estimate() && !task.service()
                                       ? &explained.estimate()
                                       : nullptr);
  }
  if (explained.has_time_left()) {
    text += fmt::format(", {} left of its timeout",
                        LengthText(ToDuration(explained.time_left())));
  }
  return text;
}

std::string Milli(uint64_t milli) {
  return fmt::format("{}", static_cast<double>(milli) / 1'000.0);
}

std::string ShortageText(const v1::Shortage& shortage,
                         std::string_view indent) {
  std::string text;
  if (shortage.resource().empty()) {
    text = fmt::format("{}{} holds {} attempts, the most it takes\n", indent,
                       shortage.worker(), shortage.total_milli() / 1'000);
  } else {
    text = fmt::format("{}{}: needs {} {}, and {} of {} is free\n", indent,
                       shortage.worker(), Milli(shortage.needed_milli()),
                       shortage.resource(), Milli(shortage.free_milli()),
                       Milli(shortage.total_milli()));
  }
  for (const v1::Holder& holder : shortage.holders()) {
    text += fmt::format(
        "{}  {} of {} has {}{}\n", indent, holder.task(), holder.run_id(),
        Milli(holder.milli()),
        holder.has_start_time()
            ? Lasting(holder.start_time(),
                      holder.has_estimate() ? &holder.estimate() : nullptr)
            : std::string());
  }
  const auto told = static_cast<uint32_t>(shortage.holders_size());
  if (shortage.holder_count() > told) {
    text += fmt::format("{}  and {} more\n", indent,
                        shortage.holder_count() - told);
  }
  return text;
}

std::string TaskText(const v1::ExplainedTask& explained,
                     const Palette& palette) {
  const v1::TaskStatus& task = explained.task();
  const std::string indent(size_t{2} * explained.depth(), ' ');
  std::string text =
      fmt::format("{}{}{}: {}", indent, palette.Bold(task.name()),
                  Relation(explained.condition()),
                  palette.State(task.state(), Doing(explained)));
  // What it depends on follows in lines of its own, as does what is told of a
  // failure before.
  const bool listed = task.wait_kind() == v1::WAIT_KIND_DEPENDENCIES &&
                      task.waiting_for_size() > 0;
  if (!listed && !IsFailure(task.state())) {
    if (const std::string why = Why(task); !why.empty()) {
      text += "; " + CleanLine(why, false);
    }
  }
  if (explained.told_above() && task.waiting_for_size() > 0 &&
      task.wait_kind() != v1::WAIT_KIND_UNSPECIFIED) {
    text += ", see above";
  }
  if (explained.more_urgent() > 0) {
    text += fmt::format("; {} that need the same go first",
                        Count(explained.more_urgent(), "task"));
  }
  text += "\n";
  for (const v1::Shortage& shortage : explained.shortages()) {
    text += ShortageText(shortage, indent + "    ");
  }
  return text;
}

int Explain(const ExplainFlags& flags, const Context& context) {
  const auto client = context.Connect();
  if (!client.ok()) return context.Fail(client.status());
  std::string run_id = flags.run_id;
  if (run_id.empty()) {
    const auto latest = (*client)->LatestRun();
    if (!latest.ok()) return context.Fail(latest.status());
    run_id = latest->run_id();
  }
  const auto explained = (*client)->Explain(run_id, flags.task);
  if (!explained.ok()) return context.Fail(explained.status());
  if (context.json()) {
    context.out << ToJson(*explained) << "\n";
    return kSucceeded;
  }
  for (const v1::ExplainedTask& task : explained->tasks()) {
    context.out << TaskText(task, context.palette());
  }
  if (explained->truncated()) context.out << "... and more\n";
  return kSucceeded;
}

}  // namespace

void AddExplain(CLI::App& app, Context& context) {
  auto flags = std::make_shared<ExplainFlags>();
  CLI::App* command = app.add_subcommand(
      "explain",
      "All that a task waits for, and what that waits for, down to the reason");
  command->add_option("task", flags->task, "Name of the task")
      ->type_name("TASK")
      ->required();
  command
      ->add_option("--run", flags->run_id,
                   "Id of the run; by default the latest")
      ->type_name("RUN");
  command->callback([flags, &context] {
    context.action = [flags, &context] { return Explain(*flags, context); };
  });
}

}  // namespace w2t::cli
