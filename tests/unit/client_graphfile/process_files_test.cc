// process-compose files with variables, templates, files under them, and
// processes that are no plain commands.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "load.h"

namespace w2t::graphfile {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

v1::ExecAction ExecOf(const v1::Graph& graph, const std::string& name) {
  for (const v1::Task& task : graph.tasks()) {
    if (task.name() != name) continue;
    return graph.actions(static_cast<int>(task.action())).exec();
  }
  ADD_FAILURE() << "there is no task " << name;
  return {};
}

TEST(ProcessVariablesTest, CountInTheWholeFile) {
  const LoadResult result = LoadTestFiles(
      {{"d/pc.yaml",
        "processes:\n"
        "  a:\n"
        "    command: \"run $PORT ${PORT} ${MODE:-fast} $$PORT $NOT '$1'\"\n"
        "    working_dir: ${ROOT}/x${NOT}\n"
        "    environment: ['A=${B:-b}', 'C=$$D']\n"
        "    availability:\n"
        "      restart: on_failure\n"
        "      backoff_seconds: ${WAIT}\n"
        "    log_location: ${NONE}\n"},
       {"d/.env", "WAIT=7\nPORT=1\n"},
       {".env", "ROOT=/srv\nWAIT=8\n"}},
      {"d/pc.yaml"}, {.environment = {{"PORT", "80"}}});
  ASSERT_THAT(result.faults, IsEmpty());
  const v1::ExecAction& exec = result.graph.actions(0).exec();
  EXPECT_EQ(exec.shell(), "run 80 80 ${MODE:-fast} $PORT $NOT '$1'");
  EXPECT_EQ(exec.dir(), "/srv/x");
  EXPECT_EQ(exec.env().at("A"), "b");
  EXPECT_EQ(exec.env().at("C"), "$D");
  // What is in .env is in the environment of each process, too.
  EXPECT_EQ(exec.env().at("ROOT"), "/srv");
  EXPECT_EQ(exec.env().at("PORT"), "80");
  EXPECT_EQ(result.graph.tasks(0).retry().initial_backoff().seconds(), 7);
  EXPECT_THAT(result.notes,
              ElementsAre("empty, because they are not set: NONE, NOT"));
}

TEST(ProcessVariablesTest, MayBeTurnedOff) {
  const v1::ExecAction exec =
      ActionOf(
          "disable_env_expansion: true\n"
          "processes: {a: {command: 'echo $A $$', working_dir: /$A}}\n")
          .exec();
  EXPECT_EQ(exec.shell(), "echo $A $$");
  EXPECT_EQ(exec.dir(), "/$A");
}

TEST(ProcessVariablesTest, EnvFilesAreTheProcesssOwn) {
  const TestFiles files = {{"pc.yaml",
                            "environment: [A=all, B=all, C=all]\n"
                            "processes:\n"
                            "  a: {command: x, env_file: [one.env], "
                            "environment: [A=own]}\n"
                            "  b: {command: x, is_dotenv_disabled: true}\n"},
                           {"one.env", "A=file\nB=file\n"},
                           {".env", "D=dot\n"}};
  const v1::Graph graph = GraphOfFiles(files, {"pc.yaml"});
  const auto a = ExecOf(graph, "a").env();
  EXPECT_EQ(a.at("A"), "own");
  EXPECT_EQ(a.at("B"), "file");
  EXPECT_EQ(a.at("C"), "all");
  EXPECT_EQ(a.at("D"), "dot");
  EXPECT_FALSE(ExecOf(graph, "b").env().contains("D"));
}

TEST(ProcessVariablesTest, CommandsMayGiveThem) {
  const v1::Action action = ActionOf(
      "env_cmds: {NOW: 'date +%s'}\n"
      "processes: {a: {command: 'echo $$NOW', shutdown: {command: ./stop}, "
      "readiness_probe: {exec: {command: ./up}}}}\n");
  const std::string sets =
      "if W2T_VALUE=$(timeout 2 'bash' '-c' 'date +%s'); then export "
      "NOW=\"$W2T_VALUE\"; fi; ";
  EXPECT_EQ(action.exec().shell(), sets + "exec 'bash' '-c' 'echo $NOW'");
  EXPECT_EQ(action.stop().command(), sets + "exec 'bash' '-c' './stop'");
  EXPECT_EQ(action.ready().exec(), sets + "exec 'bash' '-c' './up'");
  EXPECT_THAT(FaultsOf("env_cmds: {A B: x}\nprocesses: {a: {command: x}}"),
              ElementsAre("1:12: \"A B\" is no name of a variable"));
}

TEST(ProcessTemplateTest, NamesAndTextsAreCarriedOver) {
  const v1::Graph graph = GraphOf(
      "vars: {NAME: all, N: 3}\n"
      "processes:\n"
      "  a: {command: 'echo {{.NAME}} {{ .N }} {{ \"{{.X}}\" }}', vars: {NAME: "
      "own}}\n"
      "  b: {command: 'b {{.PC_REPLICA_NUM}}', replicas: 2, log_location: "
      "'b.{PC_REPLICA_NUM}.log'}\n"
      "  c: {command: 'c {{.X}}', is_template_disabled: true}\n"
      "  d: {command: d, replicas: 2, log_location: d.log, shutdown: {command: "
      "'x {{.Y}}'}}\n");
  EXPECT_EQ(ExecOf(graph, "a").shell(), "echo own 3 {{.X}}");
  EXPECT_THAT(ExecOf(graph, "b-1").shell(),
              AllOf(HasSubstr("b 1"), HasSubstr("'b.1.log'")));
  EXPECT_EQ(ExecOf(graph, "c").shell(), "c {{.X}}");
  EXPECT_THAT(ExecOf(graph, "d-1").shell(), HasSubstr("'d.log.1'"));
}

TEST(ProcessTemplateTest, FunctionsAreRefused) {
  EXPECT_THAT(
      FaultsOf("processes:\n"
               "  a: {command: 'echo {{if .A}}x{{end}}'}\n"
               "  b: {command: 'echo {{.A}}'}\n"
               "  c: {command: 'echo {{'}\n"),
      ElementsAre(
          AllOf(StartsWith("2:16: \"command\" holds the template {{if .A}}; "),
                EndsWith("are carried over")),
          StartsWith("3:16: \"command\" holds the template {{.A}}; "),
          StartsWith("4:16: \"command\" holds the template {{}}; ")));
}

TEST(ProcessFilesTest, LaterFilesCountOnTopKeyByKey) {
  const v1::Graph graph = GraphOfFiles(
      {{"a.yaml",
        "environment: [A=1, B=1]\n"
        "processes:\n"
        "  x:\n"
        "    command: old\n"
        "    environment: {P: 1, Q: 1}\n"
        "    depends_on: {y: {condition: process_started}}\n"
        "    readiness_probe: {exec: {command: up}, period_seconds: 3}\n"
        "    success_exit_codes: [1]\n"
        "  y: {command: y}\n"},
       {"b.yaml",
        "environment: [B=2]\n"
        "processes:\n"
        "  x:\n"
        "    command: new\n"
        "    environment: ['Q=2', 'R=a=b']\n"
        "    depends_on: {z: {condition: process_completed}}\n"
        "    readiness_probe: {period_seconds: 4}\n"
        "    success_exit_codes: [2]\n"
        "  z: {command: z}\n"}},
      {"a.yaml", "b.yaml"});
  EXPECT_THAT(Names(graph), ElementsAre("x", "y", "z"));
  const v1::Action& action =
      graph.actions(static_cast<int>(graph.tasks(0).action()));
  EXPECT_EQ(action.exec().shell(), "new");
  EXPECT_EQ(action.exec().env().at("A"), "1");
  EXPECT_EQ(action.exec().env().at("B"), "2");
  EXPECT_EQ(action.exec().env().at("P"), "1");
  EXPECT_EQ(action.exec().env().at("Q"), "2");
  EXPECT_EQ(action.exec().env().at("R"), "a=b");
  EXPECT_THAT(action.exec().success_exit_codes(), ElementsAre(1, 2));
  EXPECT_THAT(action.ready().exec(), HasSubstr("up"));
  EXPECT_EQ(action.ready().every().seconds(), 4);
  EXPECT_EQ(graph.tasks(0).depends_on_size(), 2);
}

TEST(ProcessFilesTest, FaultsStandInTheFileThatHasThem) {
  EXPECT_THAT(FaultsOfFiles({{"a.yaml", "processes: {x: {command: x}}\n"},
                             {"b.yaml", "processes:\n  x: {replica: 2}\n"}},
                            {"a.yaml", "b.yaml"}),
              ElementsAre("b.yaml:2:7: unknown key \"replica\"; did you mean "
                          "\"replicas\"?"));
}

TEST(ProcessFilesTest, AProjectMayExtendAnother) {
  const TestFiles files = {
      {"top/pc.yaml",
       "extends: ../base/pc.yaml\nprocesses: {b: {command: b2}, d: {command: "
       "d}}\n"},
      {"base/pc.yaml",
       "processes: {b: {command: b}, c: {command: c, working_dir: sub}}\n"}};
  const v1::Graph graph = GraphOfFiles(files, {"top/pc.yaml"});
  EXPECT_THAT(Names(graph), ElementsAre("b", "c", "d"));
  const std::string base =
      (std::filesystem::current_path() / "base").lexically_normal().string();
  EXPECT_EQ(ExecOf(graph, "b").shell(), "b2");
  EXPECT_EQ(ExecOf(graph, "b").dir(), base);
  EXPECT_EQ(ExecOf(graph, "c").dir(), base + "/sub");
  EXPECT_EQ(ExecOf(graph, "d").dir(), "");
  EXPECT_THAT(FaultsOfFiles({{"a.yaml", "extends: b.yaml\nprocesses: {}\n"},
                             {"b.yaml", "extends: a.yaml\nprocesses: {}\n"}},
                            {"a.yaml"}),
              ElementsAre("b.yaml:1:10: files include each other: a.yaml -> "
                          "b.yaml -> a.yaml"));
}

constexpr char kDisabled[] =
    "processes:\n"
    "  a: {command: a}\n"
    "  b: {command: b, depends_on: {c: {condition: process_started}}}\n"
    "  c: {command: c, disabled: true}\n"
    "  d: {command: d, disabled: true}\n"
    "  e: {command: e, is_disabled: \"true\"}\n"
    "  f: {command: f, disabled: true, is_disabled: \"false\"}\n"
    "  g: {command: vim, is_foreground: true}\n";

TEST(ProcessFilesTest, DisabledOnesRunWhenTheyAreNeededOrNamed) {
  const LoadResult result = LoadText(kDisabled, "f", {});
  EXPECT_THAT(Names(result.graph), ElementsAre("a", "b", "c", "f"));
  EXPECT_THAT(result.notes,
              ElementsAre("left out, since they are disabled: d, e, g; \"w2t "
                          "run FILE NAME\" runs one",
                          "not carried over: is_foreground"));
  EXPECT_THAT(Names(GraphOf(kDisabled, {.targets = {"d"}})), ElementsAre("d"));
}

TEST(ProcessFilesTest, AnEntrypointHasNoShell) {
  EXPECT_THAT(
      ActionOf("processes: {a: {entrypoint: [ls, -l, \"a b\"]}}").exec().argv(),
      ElementsAre("ls", "-l", "a b"));
  EXPECT_EQ(
      ActionOf("processes: {a: {command: x, entrypoint: [ls]}}").exec().shell(),
      "x");
  EXPECT_THAT(ActionOf("processes: {a: {entrypoint: [ls, \"a b\"], "
                       "log_location: l}}")
                  .exec()
                  .shell(),
              HasSubstr("exec '\\''ls'\\'' '\\''a b'\\''"));
}

TEST(ProcessFilesTest, ADaemonIsAServiceFromWhenItsLauncherHasEnded) {
  const v1::Graph graph = GraphOf(
      "processes:\n"
      "  a: {command: launch, is_daemon: true, launch_timeout_seconds: 3, "
      "shutdown: {command: stop}}\n"
      "  b: {command: x, is_daemon: true, readiness_probe: {exec: {command: "
      "up}}}\n");
  EXPECT_EQ(graph.tasks(0).kind(), v1::TASK_KIND_SERVICE);
  const v1::Action& a = graph.actions(0);
  EXPECT_EQ(a.exec().shell(),
            "(exec 'bash' '-c' 'launch') || exit; echo 'w2t: launched'; exec "
            "sleep infinity");
  EXPECT_EQ(a.ready().log_text(), "w2t: launched");
  EXPECT_EQ(a.stop().command(),
            "(exec 'bash' '-c' 'stop') && kill -- \"-$W2T_PID\"");
  EXPECT_THAT(graph.actions(1).ready().exec(), HasSubstr("up"));
  EXPECT_FALSE(graph.actions(1).has_stop() &&
               !graph.actions(1).stop().command().empty());
}

TEST(ProcessFilesTest, KeysOfTerminalsAndWatchersAreNamed) {
  const LoadResult result = LoadText(
      "log_configuration: {rotation: {max_size_mb: 1}}\nmcp_server: {port: 1}\n"
      "processes:\n"
      "  a: {command: x, is_tty: true, watch: {paths: [{path: .}]}, "
      "log_configuration: {no_color: true}, namespace: [n, m]}\n"
      "  b: {command: '', depends_on: {a: process_started}, environment: }\n"
      "  c: {command: x, mcp: {type: tool}}\n",
      "f", {});
  EXPECT_THAT(result.faults, IsEmpty());
  EXPECT_THAT(Names(result.graph), ElementsAre("a", "b"));
  EXPECT_EQ(result.graph.tasks(1).depends_on(0).condition(),
            v1::CONDITION_STARTED);
  EXPECT_THAT(result.notes,
              ElementsAre(HasSubstr("disabled: c;"),
                          "not carried over: is_tty, log_configuration, "
                          "mcp_server, namespace, watch"));
}

}  // namespace
}  // namespace w2t::graphfile
