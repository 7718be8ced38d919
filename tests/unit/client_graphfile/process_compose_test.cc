// process-compose files: what their keys come to here.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "load.h"

namespace w2t::graphfile {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::string Process(const std::string& keys) {
  return "processes:\n  a: {command: x, " + keys + "}\n";
}

std::vector<std::string> NotesOf(const std::string& text) {
  return LoadText(text, "f", Options()).notes;
}

TEST(ProcessComposeTest, AProcessIsATaskUnderBashThatDemandsNothing) {
  const v1::Graph graph = GraphOf("processes: {a: {command: 'echo $X'}}");
  ASSERT_EQ(graph.tasks_size(), 1);
  EXPECT_EQ(graph.tasks(0).kind(), v1::TASK_KIND_TASK);
  EXPECT_TRUE(graph.tasks(0).resources_set());
  EXPECT_EQ(graph.tasks(0).resources_size(), 0);
  const v1::ExecAction& exec = graph.actions(0).exec();
  EXPECT_EQ(exec.shell(), "echo $X");
  EXPECT_EQ(exec.shell_program(), "bash");
  EXPECT_EQ(exec.env().at("PC_PROC_NAME"), "a");
  EXPECT_EQ(exec.env().at("PC_REPLICA_NUM"), "0");
}

TEST(ProcessComposeTest, ShellMayBeAnother) {
  EXPECT_EQ(ActionOf(Process("working_dir: /") +
                     "shell: {shell_command: zsh, shell_argument: -c}\n")
                .exec()
                .shell_program(),
            "zsh");
  EXPECT_THAT(ActionOf(Process("working_dir: /") +
                       "shell: {shell_command: zsh, shell_argument: -lc}\n")
                  .exec()
                  .argv(),
              ElementsAre("zsh", "-lc", "x"));
}

TEST(ProcessComposeTest, EnvironmentsAreJoined) {
  const auto env = ActionOf(Process("environment: [A=own]") +
                            "environment: {A: all, B: all}\n")
                       .exec()
                       .env();
  EXPECT_EQ(env.at("A"), "own");
  EXPECT_EQ(env.at("B"), "all");
}

TEST(ProcessComposeTest, AMissingConditionIsCompleted) {
  const v1::Graph graph = GraphOf(
      "processes:\n"
      "  a: {command: x}\n"
      "  b: {command: x, depends_on: {a: {}}}\n"
      "  c: {command: x, depends_on: {a: }}\n"
      "  d: {command: x, depends_on: {a: {condition: process_started}}}\n");
  EXPECT_EQ(graph.tasks(1).depends_on(0).condition(), v1::CONDITION_FINISHED);
  EXPECT_EQ(graph.tasks(2).depends_on(0).condition(), v1::CONDITION_FINISHED);
  EXPECT_EQ(graph.tasks(3).depends_on(0).condition(), v1::CONDITION_STARTED);
}

TEST(ProcessComposeTest, WrongDependencies) {
  EXPECT_THAT(FaultsOf(Process("depends_on: [b]")),
              ElementsAre("2:31: \"depends_on\" must be a map, not a list"));
  EXPECT_THAT(
      FaultsOf(Process("depends_on: {b: {condition: proces_started}}")),
      ElementsAre("2:32: task \"a\" depends on \"b\"; there is no such task",
                  "2:47: unknown condition \"proces_started\"; did you mean "
                  "\"process_started\"?"));
}

TEST(ProcessComposeTest, Restart) {
  const v1::Task never = TaskOf(Process("availability: {restart: no}"));
  EXPECT_FALSE(never.has_retry());
  EXPECT_FALSE(never.fail_run());

  const v1::RetryPolicy retry =
      TaskOf(Process("availability: {restart: on_failure, backoff_seconds: 2, "
                     "max_restarts: 3}"))
          .retry();
  EXPECT_EQ(retry.attempts(), 4u);
  EXPECT_EQ(retry.initial_backoff().seconds(), 2);
  EXPECT_FALSE(retry.on_success());

  const v1::RetryPolicy always =
      TaskOf(Process("availability: {restart: always, max_restarts: 1}"))
          .retry();
  EXPECT_EQ(always.attempts(), 2u);
  EXPECT_EQ(always.initial_backoff().seconds(), 1);
  EXPECT_TRUE(always.on_success());

  EXPECT_TRUE(
      TaskOf(Process("availability: {restart: exit_on_failure}")).fail_run());
}

TEST(ProcessComposeTest, RestartsWithoutMaxRestartsHaveNoBound) {
  for (const char* most : {"", ", max_restarts: 0"}) {
    const std::string text = Process(
        std::string("availability: {restart: on_failure, backoff_seconds: 2") +
        most + "}");
    const v1::RetryPolicy retry = TaskOf(text).retry();
    EXPECT_TRUE(retry.unlimited());
    EXPECT_EQ(retry.attempts(), 0u);
    EXPECT_EQ(retry.initial_backoff().seconds(), 2);
    EXPECT_EQ(retry.max_backoff().seconds(), 2);
    EXPECT_THAT(NotesOf(text), IsEmpty());
  }
}

TEST(ProcessComposeTest, NoIsTheWordAndNotFalse) {
  EXPECT_THAT(FaultsOf(Process("availability: {restart: false}")),
              ElementsAre("2:43: \"restart\" must be no, on_failure, always or "
                          "exit_on_failure, not \"false\""));
}

TEST(ProcessComposeTest, WrongAvailability) {
  EXPECT_THAT(FaultsOf(Process("availability: {backoff_seconds: 1s}")),
              ElementsAre("2:51: \"backoff_seconds\" must be a whole number "
                          "from 0 to 36000000, not \"1s\""));
  EXPECT_THAT(
      FaultsOf(Process("availability: {exit_on_end: true}")),
      ElementsAre(testing::StartsWith("2:34: \"exit_on_end: true\" is not "
                                      "carried over: a run ends when "
                                      "all of its tasks have ended")));
  EXPECT_THAT(
      FaultsOf(Process("availability: {restart: always, max_restarts: 1000}")),
      ElementsAre(testing::AllOf(testing::StartsWith("2:"),
                                 testing::HasSubstr("max_retry_attempts"))));
}

TEST(ProcessComposeTest, SuccessExitCodes) {
  EXPECT_THAT(ActionOf(Process("success_exit_codes: [130]"))
                  .exec()
                  .success_exit_codes(),
              ElementsAre(130));
}

TEST(ProcessComposeTest, AReadyLogLineIsASubstring) {
  EXPECT_EQ(ActionOf(Process("ready_log_line: 'up (1)'")).ready().log_text(),
            "up (1)");
}

TEST(ProcessComposeTest, ReadinessProbe) {
  const v1::Probe probe =
      ActionOf(Process("working_dir: /srv, readiness_probe: {exec: {command: "
                       "\"it's $UP\", working_dir: /tmp}, period_seconds: 2, "
                       "timeout_seconds: 3, success_threshold: 4, "
                       "failure_threshold: 5, initial_delay_seconds: 6}"))
          .ready();
  EXPECT_EQ(probe.exec(), "cd '/tmp' && exec 'bash' '-c' 'it'\\''s $UP'");
  EXPECT_EQ(probe.every().seconds(), 2);
  EXPECT_EQ(probe.timeout().seconds(), 3);
  EXPECT_EQ(probe.successes(), 4u);
  EXPECT_EQ(probe.failures(), 5u);
  EXPECT_EQ(probe.initial_delay().seconds(), 6);
}

TEST(ProcessComposeTest, ReadinessProbesHaveTheirOwnDefaults) {
  const v1::Probe probe =
      ActionOf(Process("readiness_probe: {exec: {command: x}}")).ready();
  EXPECT_EQ(probe.every().seconds(), 10);
  EXPECT_EQ(probe.timeout().seconds(), 1);
  EXPECT_EQ(probe.failures(), 3u);
}

TEST(ProcessComposeTest, HttpProbesAskForOneStatus) {
  const v1::Probe least =
      ActionOf(Process("readiness_probe: {http_get: {path: /up}}")).ready();
  EXPECT_EQ(least.http().url(), "http://127.0.0.1/up");
  EXPECT_THAT(least.http().statuses(), ElementsAre(200));
  EXPECT_FALSE(least.http().skip_tls_verify());
  const v1::Probe all =
      ActionOf(Process("readiness_probe: {http_get: {scheme: https, host: db, "
                       "port: '8443', path: '/$$x', headers: {A: b}, "
                       "status_code: 204}}"))
          .ready();
  EXPECT_EQ(all.http().url(), "https://db:8443/$x");
  EXPECT_EQ(all.http().headers().at("A"), "b");
  EXPECT_THAT(all.http().statuses(), ElementsAre(204));
}

TEST(ProcessComposeTest, LivenessProbe) {
  const v1::Action action = ActionOf(Process(
      "liveness_probe: {grpc: {port: 80, service: s}, success_threshold: "
      "2, failure_threshold: 4}"));
  EXPECT_FALSE(action.has_ready());
  EXPECT_EQ(action.live().grpc(), "127.0.0.1:80/s");
  EXPECT_EQ(action.live().every().seconds(), 10);
  EXPECT_EQ(action.live().failures(), 4u);
}

TEST(ProcessComposeTest, WrongProbes) {
  EXPECT_THAT(FaultsOf(Process("readiness_probe: {period_seconds: 1}")),
              ElementsAre("2:19: \"readiness_probe\" needs exec, http_get or "
                          "grpc"));
  EXPECT_THAT(FaultsOf(Process("liveness_probe: {grpc: {host: x}}")),
              ElementsAre("2:36: \"grpc\" has no port"));
  EXPECT_THAT(
      FaultsOf(Process("readiness_probe: {http_get: {port: 80}, exec: "
                       "{command: x}}")),
      ElementsAre("2:19: \"readiness_probe\" has more than one of exec, "
                  "http_get and grpc"));
  EXPECT_THAT(FaultsOf(Process("readiness_probe: {http_get: {port: 70000}}")),
              ElementsAre("2:54: \"port\" must be a port from 1 to 65535, not "
                          "\"70000\""));
  EXPECT_THAT(FaultsOf(Process("readiness_probe: {http_get: {scheme: ftp}}")),
              ElementsAre("2:47: \"http_get\": 'ftp://127.0.0.1/' starts with "
                          "neither http:// nor https://"));
  EXPECT_THAT(FaultsOf(Process("readiness_probe: {exec: {}}")),
              ElementsAre("2:37: \"exec\" has no command"));
  EXPECT_THAT(FaultsOf(Process("readiness_probe: {exec: {command: x}}, "
                               "ready_log_line: up")),
              ElementsAre("2:3: \"a\" has both \"ready_log_line\" and "
                          "\"readiness_probe\"; it can have one"));
}

TEST(ProcessComposeTest, Shutdown) {
  const v1::StopPolicy stop =
      ActionOf(Process("shutdown: {signal: 2, timeout_seconds: 5, command: "
                       "./down}"))
          .stop();
  EXPECT_EQ(stop.signal(), 2u);
  EXPECT_EQ(stop.grace().seconds(), 5);
  EXPECT_EQ(stop.command(), "exec 'bash' '-c' './down'");
  EXPECT_THAT(FaultsOf(Process("shutdown: {parent_only: true}")),
              ElementsAre("2:30: \"parent_only: true\" is not carried over: "
                          "signals go to the whole process group"));
}

TEST(ProcessComposeTest, ReplicasAreTasksOfTheirOwn) {
  const v1::Graph graph = GraphOf(
      "processes:\n"
      "  a: {command: x, replicas: 2, depends_on: {b: {}}}\n"
      "  b: {command: x, replicas: 10}\n"
      "  c: {command: x, replicas: 1, depends_on: {a: {}}}\n");
  EXPECT_THAT(Names(graph),
              ElementsAre("a-0", "a-1", "b-00", "b-01", "b-02", "b-03", "b-04",
                          "b-05", "b-06", "b-07", "b-08", "b-09", "c"));
  EXPECT_EQ(graph.tasks(1).depends_on_size(), 10);
  ASSERT_EQ(graph.tasks(12).depends_on_size(), 2);
  EXPECT_EQ(graph.tasks(12).depends_on(1).task(), "a-1");
  const auto& env = graph.actions(graph.tasks(1).action()).exec().env();
  EXPECT_EQ(env.at("PC_REPLICA_NUM"), "1");
  EXPECT_EQ(env.at("PC_PROC_NAME"), "a");
}

TEST(ProcessComposeTest, ReplicasAreBounded) {
  EXPECT_THAT(FaultsOf(Process("replicas: 4000000000")),
              ElementsAre("2:29: the replicas come to 4000000000 tasks; the "
                          "limit max_tasks is 1000000"));
  EXPECT_THAT(FaultsOf(Process("replicas: -1")),
              ElementsAre("2:29: \"replicas\" must be a whole number of at "
                          "least 0, not \"-1\""));
  Options options;
  options.limits.max_edges = 20;
  EXPECT_THAT(FaultsOf("processes:\n"
                       "  a: {command: x, replicas: 5}\n"
                       "  b: {command: x, replicas: 5, depends_on: {a: {}}}\n",
                       options),
              ElementsAre("3:3: the graph has more than 20 dependencies; the "
                          "limit max_edges is 20"));
}

TEST(ProcessComposeTest, DollarsAreEscapedTwice) {
  EXPECT_EQ(ActionOf(Process("description: d")).exec().shell(), "x");
  EXPECT_EQ(
      ActionOf("processes: {a: {command: 'X=1; echo $$X'}}").exec().shell(),
      "X=1; echo $X");
  EXPECT_EQ(ActionOf("processes: {a: {command: 'echo $$'}}\n"
                     "disable_env_expansion: true\n")
                .exec()
                .shell(),
            "echo $$");
}

TEST(ProcessComposeTest, WhatIsNotCarriedOverIsNoted) {
  EXPECT_THAT(NotesOf("version: '0.5'\nlog_level: info\nlog_length: 10\n"
                      "ordered_shutdown: true\nx-mine: 1\n" +
                      Process("description: d, namespace: n")),
              ElementsAre("not carried over: description, log_length, "
                          "log_level, namespace, version, x-mine"));
  EXPECT_THAT(NotesOf(Process("working_dir: /")), IsEmpty());
}

TEST(ProcessComposeTest, LogsAreWrittenBesideTheCommand) {
  const std::string text = Process("log_location: own.log") +
                           "  b: {command: y}\nlog_location: all.log\n";
  const v1::Graph graph = GraphOf(text);
  EXPECT_THAT(graph.actions(0).exec().shell(),
              testing::HasSubstr("tee -a -- 'own.log'"));
  EXPECT_THAT(graph.actions(1).exec().shell(),
              testing::HasSubstr("tee -a -- 'all.log'"));
  EXPECT_THAT(NotesOf(text),
              ElementsAre("log_location: written where the process runs, each "
                          "line as it is"));
}

TEST(ProcessComposeTest, KeysThatWouldChangeWhatRunsAreRefusedByName) {
  EXPECT_EQ(TaskOf(Process("is_daemon: no, disabled: false, is_elevated: off"))
                .name(),
            "a");
  EXPECT_THAT(FaultsOf(Process("is_elevated: true")),
              ElementsAre("2:19: \"is_elevated: true\" is not carried over: "
                          "nobody can type a password here; run a worker as "
                          "that user"));
  EXPECT_THAT(FaultsOf(Process("schedule: {interval: 5s}")),
              ElementsAre("2:19: \"schedule\" is not carried over: nothing "
                          "here starts at a time of day, or again and again"));
  EXPECT_THAT(FaultsOf(Process("depend_on: {}") + "environmen: {}\n"),
              ElementsAre("2:19: unknown key \"depend_on\"; did you mean "
                          "\"depends_on\"?",
                          "3:1: unknown key \"environmen\"; did you mean "
                          "\"environment\"?"));
}

TEST(ProcessComposeTest, OtherKeysAtTheTopPassUnlessItIsStrict) {
  const std::string text =
      "anchors: {a: &a {restart: always}}\n" + Process("availability: *a");
  EXPECT_THAT(NotesOf(text), ElementsAre("not carried over: anchors"));
  EXPECT_THAT(FaultsOf(text + "is_strict: true\n"),
              ElementsAre("1:1: unknown key \"anchors\""));
}

TEST(ProcessComposeTest, AProcessNeedsACommand) {
  EXPECT_THAT(FaultsOf("processes: {a: {description: d}}"),
              ElementsAre("1:13: \"a\" has no command"));
  EXPECT_THAT(FaultsOf("processes: {a: x}"),
              ElementsAre("1:13: \"a\" has no command",
                          "1:16: \"a\" must be a map, not \"x\""));
  EXPECT_THAT(FaultsOf("processes: x"),
              ElementsAre("1:12: \"processes\" must be a map, not \"x\""));
}

}  // namespace
}  // namespace w2t::graphfile
