#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "client/cli/commands.h"
#include "client/cli/context.h"
#include "client/cli/exit_code.h"
#include "client/cli/interrupts.h"
#include "client/cli/json.h"

namespace w2t::cli {

namespace {

struct LogsFlags {
  std::string run_id;
  std::string task;
  bool follow = false;
  uint32_t attempt = 0;
};

// Byte for byte, each piece where the task had printed it.
void Write(const v1::ReadLogsResponse& item, const Context& context) {
  for (const v1::LogChunk& chunk : item.chunks()) {
    if (chunk.dropped_bytes() > 0) {
      context.err << fmt::format("w2t: note: {} left out here\n",
                                 BytesText(chunk.dropped_bytes()));
    }
    const bool to_out = chunk.stream() == v1::LOG_STREAM_STDOUT;
    (to_out ? context.out : context.err) << chunk.data();
  }
  context.out.flush();
  context.err.flush();
}

// A task that has not printed and one that has not run look alike.
void TellWhyEmpty(const LogsFlags& flags, Client& client,
                  const Context& context) {
  client
      .ForEachTask(flags.run_id, {},
                   [&](const v1::TaskStatus& task) {
                     if (task.name() != flags.task) return true;
                     if (task.attempt() == 0) {
                       context.err << fmt::format(
                           "w2t: note: {} has not been started; it is {}\n",
                           task.name(), Word(task.state()));
                     }
                     return false;
                   })
      .IgnoreError();
}

int Logs(const LogsFlags& flags, const Context& context) {
  const Interrupts interrupts;
  const auto client = context.Connect(interrupts.token());
  if (!client.ok()) return context.Fail(client.status());
  // Also ended by a reader that has gone.
  std::stop_source stop;
  const std::stop_callback on_interrupt(interrupts.token(),
                                        [&stop] { stop.request_stop(); });
  bool any = false;
  const absl::Status status = (*client)->ReadLogs(
      flags.run_id, flags.task,
      {.attempt = flags.attempt, .follow = flags.follow},
      [&](const v1::ReadLogsResponse& item) {
        any |= item.chunks_size() > 0;
        if (context.json()) {
          context.out << ToJson(item) << "\n" << std::flush;
        } else {
          Write(item, context);
        }
        if (context.lost_output() || !context.err.good()) stop.request_stop();
      },
      stop.get_token());
  if (interrupts.happened()) return kInterrupted;
  if (context.lost_output() || !context.err.good()) return kFailed;
  if (!status.ok()) return context.Fail(status);
  if (!any && !context.json()) TellWhyEmpty(flags, **client, context);
  return kSucceeded;
}

}  // namespace

void AddLogs(CLI::App& app, Context& context) {
  auto flags = std::make_shared<LogsFlags>();
  CLI::App* command = app.add_subcommand(
      "logs", "What a task printed, on stdout and stderr as it did");
  command->add_option("run", flags->run_id, "Id of the run")
      ->type_name("RUN")
      ->required();
  command->add_option("task", flags->task, "Name of the task")
      ->type_name("TASK")
      ->required();
  command->add_flag("--follow,-f", flags->follow,
                    "Go on until the attempt has ended");
  command
      ->add_option("--attempt", flags->attempt,
                   "Number of the attempt, from 1; by default the latest")
      ->type_name("N")
      ->check(CLI::Range(1u, UINT32_MAX).description(""));
  command->callback([flags, &context] {
    context.action = [flags, &context] { return Logs(*flags, context); };
  });
}

}  // namespace w2t::cli
