// What each key of the graph file comes to, and what is refused of it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "load.h"

namespace w2t::graphfile {
namespace {

using testing::ElementsAre;

std::string Task(const std::string& keys) {
  return "tasks:\n  a: {command: x, " + keys + "}\n";
}

TEST(KeyTest, TheSmallestFile) {
  const v1::Graph graph = GraphOf("tasks: {hello: echo hello}");
  ASSERT_EQ(graph.tasks_size(), 1);
  EXPECT_EQ(graph.tasks(0).name(), "hello");
  EXPECT_EQ(graph.tasks(0).kind(), v1::TASK_KIND_TASK);
  EXPECT_EQ(graph.actions(0).exec().shell(), "echo hello");
  EXPECT_FALSE(graph.tasks(0).resources_set());
}

TEST(KeyTest, JsonIsReadAlike) {
  const v1::Graph graph = GraphOf(
      "{\n\t\"name\": \"shop\",\n\t\"tasks\": {\"hello\": {\"command\": "
      "[\"echo\", \"a\\u00e9\\/\"]}}\n}");
  EXPECT_EQ(graph.name(), "shop");
  EXPECT_THAT(graph.actions(0).exec().argv(), ElementsAre("echo", "a\u00e9/"));
}

TEST(KeyTest, Name) {
  EXPECT_EQ(GraphOf("name: shop-1\ntasks: {a: x}").name(), "shop-1");
  EXPECT_THAT(FaultsOf("name: [x]\ntasks: {a: x}"),
              ElementsAre("1:7: \"name\" must be text, not a list"));
  EXPECT_THAT(FaultsOf("name: a b\ntasks: {a: x}"),
              ElementsAre("1:7: \"name\": 'a b' may only have letters, digits, "
                          "'-', '_' and '.'"));
}

TEST(KeyTest, CommandIsALineOrAList) {
  EXPECT_EQ(ActionOf("tasks: {a: {command: 'x ${y}'}}").exec().shell(),
            "x ${y}");
  EXPECT_THAT(ActionOf("tasks: {a: [x, 1]}").exec().argv(),
              ElementsAre("x", "1"));
  EXPECT_EQ(ActionOf("tasks: {a: true}").exec().shell(), "true");
  EXPECT_THAT(FaultsOf("tasks: {a: {command: {b: c}}}"),
              ElementsAre("1:22: \"command\" must be a line or a list that "
                          "names a program, not a map"));
  EXPECT_THAT(FaultsOf("tasks: {a: {command: []}}"),
              ElementsAre("1:22: \"command\" must be a line or a list that "
                          "names a program, not a list"));
  EXPECT_THAT(FaultsOf("tasks: {a: {command: ''}}"),
              ElementsAre("1:22: \"command\" must not be empty"));
  EXPECT_THAT(FaultsOf("tasks: {a: [x, [y]]}"),
              ElementsAre("1:16: \"command\" must be text, not a list"));
}

TEST(KeyTest, ATaskNeedsSomethingToDo) {
  EXPECT_THAT(
      FaultsOf("tasks: {a: {}, b: }"),
      ElementsAre("1:9: \"a\" has no command", "1:16: \"b\" has no command"));
}

TEST(KeyTest, Handler) {
  const v1::Action action =
      ActionOf("tasks: {a: {handler: resize, input: 1x2}}");
  EXPECT_EQ(action.handler().name(), "resize");
  EXPECT_EQ(action.handler().input(), "1x2");
  EXPECT_THAT(FaultsOf("tasks: {a: {handler: h, command: x}}"),
              ElementsAre("1:25: \"command\" and \"handler\" exclude each "
                          "other"));
  EXPECT_THAT(FaultsOf("tasks: {a: {handler: h, dir: /}}"),
              ElementsAre("1:25: \"dir\" is for commands; \"a\" calls a "
                          "handler"));
  EXPECT_THAT(FaultsOf("tasks: {a: {command: x, input: y}}"),
              ElementsAre("1:25: \"input\" is for handlers; \"a\" runs a "
                          "command"));
}

TEST(KeyTest, DependsOnIsANameAListOrAMap) {
  const v1::Graph graph = GraphOf(R"(
tasks:
  a: x
  b: {command: x, depends_on: a}
  c: {command: x, depends_on: [a, b]}
  d: {command: x, depends_on: {a: finished, b: {condition: failed}, c: {}}}
)");
  EXPECT_EQ(graph.tasks(1).depends_on(0).task(), "a");
  EXPECT_EQ(graph.tasks(1).depends_on(0).condition(),
            v1::CONDITION_UNSPECIFIED);
  EXPECT_EQ(graph.tasks(2).depends_on(1).task(), "b");
  EXPECT_EQ(graph.tasks(3).depends_on(0).condition(), v1::CONDITION_FINISHED);
  EXPECT_EQ(graph.tasks(3).depends_on(1).condition(), v1::CONDITION_FAILED);
  EXPECT_EQ(graph.tasks(3).depends_on(2).condition(),
            v1::CONDITION_UNSPECIFIED);
}

TEST(KeyTest, ConditionsHaveAliases) {
  static constexpr struct {
    const char* word;
    v1::Condition condition;
  } kWords[] = {
      {"succeeded", v1::CONDITION_SUCCEEDED},
      {"finished", v1::CONDITION_FINISHED},
      {"failed", v1::CONDITION_FAILED},
      {"started", v1::CONDITION_STARTED},
      {"ready", v1::CONDITION_READY},
      {"service_started", v1::CONDITION_STARTED},
      {"service_healthy", v1::CONDITION_READY},
      {"service_completed_successfully", v1::CONDITION_SUCCEEDED},
      {"process_started", v1::CONDITION_STARTED},
      {"process_healthy", v1::CONDITION_READY},
      {"process_log_ready", v1::CONDITION_READY},
      {"process_completed", v1::CONDITION_FINISHED},
      {"process_completed_successfully", v1::CONDITION_SUCCEEDED},
  };
  for (const auto& [word, condition] : kWords) {
    const v1::Graph graph = GraphOf(
        std::string("tasks: {a: {command: x, ready: 'tcp:1'}, b: {command: x, "
                    "depends_on: {a: ") +
        word + "}}}");
    ASSERT_EQ(graph.tasks_size(), 2) << word;
    EXPECT_EQ(graph.tasks(1).depends_on(0).condition(), condition) << word;
  }
}

TEST(KeyTest, WrongDependencies) {
  EXPECT_THAT(FaultsOf(Task("depends_on: 1x")),
              ElementsAre("2:31: task \"a\" depends on \"1x\"; there is no "
                          "such task"));
  EXPECT_THAT(FaultsOf(Task("depends_on:")),
              ElementsAre("2:19: \"depends_on\" must be a name, a list or a "
                          "map, not nothing"));
  EXPECT_THAT(FaultsOf("tasks: {b: x, a: {command: x, depends_on: {b: "
                       "suceeded}}}"),
              ElementsAre("1:47: unknown condition \"suceeded\"; did you mean "
                          "\"succeeded\"?"));
  EXPECT_THAT(FaultsOf("tasks: {b: x, a: {command: x, depends_on: {b: "
                       "{required: 1, cond: x}}}}"),
              ElementsAre("1:58: \"required\" must be true or false, not \"1\"",
                          "1:61: unknown key \"cond\""));
}

TEST(KeyTest, Trigger) {
  const std::string two =
      "tasks: {b: x, c: x, a: {command: x, depends_on: [b, "
      "c], trigger: ";
  EXPECT_EQ(GraphOf(two + "all}}").tasks(2).trigger(), 0u);
  EXPECT_EQ(GraphOf(two + "any}}").tasks(2).trigger(), 1u);
  EXPECT_EQ(GraphOf(two + "2}}").tasks(2).trigger(), 2u);
  EXPECT_THAT(FaultsOf(two + "3}}"),
              ElementsAre("1:66: the trigger of task \"a\" asks for 3 "
                          "dependencies; it has 2"));
  EXPECT_THAT(FaultsOf(two + "some}}"),
              ElementsAre("1:66: \"trigger\" must be all, any or a number, not "
                          "\"some\""));
  EXPECT_THAT(FaultsOf(two + "0}}"),
              ElementsAre("1:66: \"trigger\" must be a whole number of at "
                          "least 1, not \"0\""));
}

TEST(KeyTest, EnvIsAMapOrAList) {
  const auto map = ActionOf(Task("env: {A: 1, B: 'x=y'}")).exec().env();
  EXPECT_EQ(map.at("A"), "1");
  EXPECT_EQ(map.at("B"), "x=y");
  const auto list = ActionOf(Task("env: [A=1, 'B=x=y']")).exec().env();
  EXPECT_EQ(list.at("B"), "x=y");
  EXPECT_THAT(FaultsOf(Task("env: [A]")),
              ElementsAre("2:25: \"env\" must be a map or a list of KEY=VALUE, "
                          "not \"A\""));
  EXPECT_THAT(FaultsOf(Task("env: [A=1, A=2]")),
              ElementsAre("2:30: \"env\" sets \"A\" twice"));
  EXPECT_THAT(FaultsOf(Task("env: {A: [1]}")),
              ElementsAre("2:28: \"A\" must be text, not a list"));
  EXPECT_THAT(FaultsOf(Task("env: 3")),
              ElementsAre("2:24: \"env\" must be a map or a list of KEY=VALUE, "
                          "not \"3\""));
}

TEST(KeyTest, Dir) {
  EXPECT_EQ(ActionOf(Task("dir: /srv")).exec().dir(), "/srv");
  EXPECT_THAT(FaultsOf(Task("dir: ''")),
              ElementsAre("2:24: \"dir\" must not be empty"));
}

TEST(KeyTest, TimeoutAndEstimate) {
  EXPECT_EQ(ActionOf(Task("timeout: 1m30s")).timeout().seconds(), 90);
  EXPECT_EQ(TaskOf(Task("estimate: 200ms")).estimate().nanos(), 200'000'000);
  EXPECT_THAT(FaultsOf(Task("timeout: 5")),
              ElementsAre("2:28: \"timeout\" must be a duration such as 500ms, "
                          "30s or 1m30s, not \"5\""));
  EXPECT_THAT(FaultsOf(Task("estimate: {a: b}")),
              ElementsAre("2:29: \"estimate\" must be a duration such as "
                          "500ms, 30s or 1m30s, not a map"));
  EXPECT_THAT(FaultsOf(Task("timeout: 9000h")),
              ElementsAre("2:28: \"timeout\": 9000h is more than 8760h"));
}

TEST(KeyTest, Retry) {
  EXPECT_EQ(TaskOf(Task("retry: 3")).retry().attempts(), 3u);
  const v1::RetryPolicy retry =
      TaskOf(Task("retry: {attempts: 4, backoff: 1s..30s, exit_codes: [1, "
                  "75]}"))
          .retry();
  EXPECT_EQ(retry.attempts(), 4u);
  EXPECT_EQ(retry.initial_backoff().seconds(), 1);
  EXPECT_EQ(retry.max_backoff().seconds(), 30);
  EXPECT_THAT(retry.exit_codes(), ElementsAre(1, 75));
  const v1::RetryPolicy constant =
      TaskOf(Task("retry: {attempts: 2, backoff: 2s}")).retry();
  EXPECT_EQ(constant.max_backoff().seconds(), 2);
  EXPECT_THAT(FaultsOf(Task("retry: 0")),
              ElementsAre("2:26: \"retry\" must be a whole number of at least "
                          "1, not \"0\""));
  EXPECT_THAT(FaultsOf(Task("retry: '3'")),
              ElementsAre("2:26: \"retry\" must be a whole number of at least "
                          "1, not \"3\""));
  EXPECT_THAT(FaultsOf(Task("retry: {attempts: 2, backoff: 5s..1s}")),
              ElementsAre("2:49: \"backoff\" must be a duration or a range "
                          "such as 1s..30s, not \"5s..1s\""));
  EXPECT_THAT(FaultsOf(Task("retry: {attempts: 2, exit_codes: [256]}")),
              ElementsAre("2:53: \"exit_codes\" must be a whole number from 0 "
                          "to 255, not \"256\""));
  EXPECT_THAT(FaultsOf(Task("retry: {attempts: 2, delay: 1s}")),
              ElementsAre("2:40: unknown key \"delay\""));
}

TEST(KeyTest, RetryIsBoundedByTheLimit) {
  EXPECT_THAT(FaultsOf(Task("retry: {attempts: 1001}")),
              ElementsAre("2:37: \"attempts\": 1001 exceeds the limit "
                          "max_retry_attempts of 1000"));
}

TEST(KeyTest, Resources) {
  const v1::Task task = TaskOf(Task("resources: {cpus: 0.5, gpus: 2}"));
  EXPECT_TRUE(task.resources_set());
  ASSERT_EQ(task.resources_size(), 2);
  EXPECT_EQ(task.resources(0).name(), "cpus");
  EXPECT_EQ(task.resources(0).milli(), 500u);
  EXPECT_EQ(task.resources(1).milli(), 2000u);
  EXPECT_TRUE(TaskOf(Task("resources: {}")).resources_set());
  EXPECT_THAT(FaultsOf(Task("resources: {cpus: many}")),
              ElementsAre("2:37: \"cpus\" must be a number with at most three "
                          "decimals, not \"many\""));
  EXPECT_THAT(FaultsOf(Task("resources: 3")),
              ElementsAre("2:30: \"resources\" must be a map, not \"3\""));
}

TEST(KeyTest, Host) {
  EXPECT_EQ(TaskOf(Task("host: db-1")).host().worker(), "db-1");
  EXPECT_EQ(TaskOf(Task("host: {role: app}")).host().labels().at("role"),
            "app");
  EXPECT_THAT(FaultsOf(Task("host: [a]")),
              ElementsAre("2:25: \"host\" must be the name of a worker or a "
                          "map of labels, not a list"));
}

TEST(KeyTest, PriorityAndAllowFailure) {
  EXPECT_EQ(TaskOf(Task("priority: -5")).priority(), -5);
  EXPECT_TRUE(TaskOf(Task("allow_failure: true")).allow_failure());
  EXPECT_THAT(FaultsOf(Task("priority: 1000001")),
              ElementsAre("2:29: \"priority\" must be a whole number from "
                          "-1000000 to 1000000, not \"1000001\""));
  EXPECT_THAT(FaultsOf(Task("allow_failure: yes")),
              ElementsAre("2:34: \"allow_failure\" must be true or false, not "
                          "\"yes\""));
}

TEST(KeyTest, SideEffect) {
  EXPECT_EQ(TaskOf(Task("side_effect: at_most_once")).side_effect(),
            v1::SIDE_EFFECT_AT_MOST_ONCE);
  EXPECT_EQ(TaskOf(Task("side_effect: at_least_once")).side_effect(),
            v1::SIDE_EFFECT_AT_LEAST_ONCE);
  EXPECT_THAT(FaultsOf(Task("side_effect: never")),
              ElementsAre("2:32: \"side_effect\" must be at_least_once or "
                          "at_most_once, not \"never\""));
  EXPECT_THAT(FaultsOf(Task("side_effect: at_most_once, retry: 3")),
              ElementsAre("2:32: task \"a\" is to run at most once, but its "
                          "retry asks for 3 attempts"));
}

TEST(KeyTest, Limits) {
  const v1::ExecLimits limits =
      ActionOf(Task("limits: {memory: 1.5GiB, cpus: 0.5}")).exec().limits();
  EXPECT_EQ(limits.memory_bytes(), uint64_t{1536} << 20);
  EXPECT_EQ(limits.cpu_milli(), 500u);
  EXPECT_THAT(FaultsOf(Task("limits: {memory: much}")),
              ElementsAre("2:36: \"memory\" must be an amount of memory such "
                          "as 512MiB, not \"much\""));
  EXPECT_THAT(FaultsOf(Task("limits: {cpus: 0}")),
              ElementsAre("2:34: \"cpus\" must be a number of cpus with at "
                          "most three decimals, not \"0\""));
}

TEST(KeyTest, SuccessExitCodes) {
  EXPECT_THAT(
      ActionOf(Task("success_exit_codes: [3, 4]")).exec().success_exit_codes(),
      ElementsAre(3, 4));
  EXPECT_THAT(
      ActionOf(Task("success_exit_codes: 3")).exec().success_exit_codes(),
      ElementsAre(3));
  EXPECT_THAT(FaultsOf(Task("success_exit_codes: []")),
              ElementsAre("2:39: \"success_exit_codes\" must be a list of exit "
                          "codes, not a list"));
}

TEST(KeyTest, Stop) {
  const v1::StopPolicy stop =
      ActionOf(Task("stop: {signal: SIGINT, grace: 2s, command: ./down}"))
          .stop();
  EXPECT_EQ(stop.signal(), 2u);
  EXPECT_EQ(stop.grace().seconds(), 2);
  EXPECT_EQ(stop.command(), "./down");
  EXPECT_EQ(ActionOf(Task("stop: {signal: 9}")).stop().signal(), 9u);
  EXPECT_THAT(FaultsOf(Task("stop: {signal: NO}")),
              ElementsAre("2:34: \"signal\" must be a signal such as TERM, or "
                          "its number from 1 to 31, not \"NO\""));
  EXPECT_THAT(FaultsOf(Task("stop: {grace: 2h}")),
              ElementsAre("2:33: \"grace\": 2h is more than 1h"));
}

TEST(KeyTest, ReadyInShort) {
  EXPECT_EQ(ActionOf(Task("ready: 'tcp:5432'")).ready().tcp(), "5432");
  EXPECT_EQ(ActionOf(Task("ready: tcp:db:5432")).ready().tcp(), "db:5432");
  EXPECT_EQ(ActionOf(Task("ready: 'exec: test -e x'")).ready().exec(),
            " test -e x");
  EXPECT_EQ(ActionOf(Task("ready: 'log:^up:$'")).ready().log_regex(), "^up:$");
}

TEST(KeyTest, ReadyAsAMap) {
  const v1::Probe probe =
      ActionOf(Task("ready: {tcp: 80, every: 2s, timeout: 3s, successes: 2, "
                    "failures: 5, deadline: 1m, initial_delay: 1s}"))
          .ready();
  EXPECT_EQ(probe.tcp(), "80");
  EXPECT_EQ(probe.every().seconds(), 2);
  EXPECT_EQ(probe.timeout().seconds(), 3);
  EXPECT_EQ(probe.successes(), 2u);
  EXPECT_EQ(probe.failures(), 5u);
  EXPECT_EQ(probe.deadline().seconds(), 60);
  EXPECT_EQ(probe.initial_delay().seconds(), 1);
}

TEST(KeyTest, ProbesOverTheNetworkInShort) {
  EXPECT_EQ(ActionOf(Task("ready: 'http://x/y'")).ready().http().url(),
            "http://x/y");
  EXPECT_EQ(ActionOf(Task("ready: 'https://[::1]:80'")).ready().http().url(),
            "https://[::1]:80");
  EXPECT_EQ(ActionOf(Task("ready: grpc:80")).ready().grpc(), "80");
  EXPECT_EQ(ActionOf(Task("ready: grpc:x:80/a.B")).ready().grpc(), "x:80/a.B");
  EXPECT_TRUE(ActionOf(Task("ready: notify")).ready().has_notify());
  EXPECT_TRUE(ActionOf(Task("ready: {notify: true}")).ready().has_notify());
}

TEST(KeyTest, HttpAsAMap) {
  const v1::HttpProbe http =
      ActionOf(Task("ready: {http: {url: 'https://x', method: HEAD, headers: "
                    "{X-Key: 1}, status: [204, 404], tls_verify: false}}"))
          .ready()
          .http();
  EXPECT_EQ(http.url(), "https://x");
  EXPECT_EQ(http.method(), "HEAD");
  EXPECT_EQ(http.headers().at("X-Key"), "1");
  EXPECT_THAT(http.statuses(), ElementsAre(204, 404));
  EXPECT_TRUE(http.skip_tls_verify());
  EXPECT_FALSE(ActionOf(Task("ready: {http: {url: 'https://x'}}"))
                   .ready()
                   .http()
                   .skip_tls_verify());
  EXPECT_THAT(FaultsOf(Task("ready: {http: {status: 99, method: get}}")),
              ElementsAre("2:27: \"http\" has no url",
                          "2:42: \"status\" must be a whole number from 200 to "
                          "599, not \"99\"",
                          "2:54: \"method\": 'get' is not 1 to 32 capital "
                          "letters"));
}

TEST(KeyTest, Live) {
  const v1::Probe probe =
      ActionOf(Task("live: {http: 'http://x', every: 2s, failures: 5}")).live();
  EXPECT_EQ(probe.http().url(), "http://x");
  EXPECT_EQ(probe.every().seconds(), 2);
  EXPECT_EQ(probe.failures(), 5u);
  EXPECT_TRUE(ActionOf(Task("live: notify")).live().has_notify());
  EXPECT_THAT(FaultsOf(Task("live: 'log:x'")),
              ElementsAre("2:25: \"live\": is for ready alone"));
  EXPECT_THAT(FaultsOf(Task("live: {tcp: 1, deadline: 1s, successes: 2}")),
              ElementsAre("2:44: \"deadline\": is for ready alone",
                          "2:59: \"successes\": is for ready alone"));
}

TEST(KeyTest, WrongProbes) {
  EXPECT_THAT(FaultsOf(Task("ready: 'tcp:0'")),
              ElementsAre("2:26: \"ready\" must be PORT or HOST:PORT after "
                          "tcp, with a port from 1 to 65535, not \"tcp:0\""));
  EXPECT_THAT(FaultsOf(Task("ready: 'http://'")),
              ElementsAre("2:26: \"ready\": 'http://' has no host, or a port "
                          "that is none"));
  EXPECT_THAT(FaultsOf(Task("ready: 'https://x:0/y'")),
              ElementsAre("2:26: \"ready\": 'https://x:0/y' has no host, or a "
                          "port that is none"));
  EXPECT_THAT(FaultsOf(Task("ready: grpc:x")),
              ElementsAre("2:26: \"ready\": 'x' is neither PORT nor HOST:PORT, "
                          "with or without /SERVICE"));
  EXPECT_THAT(FaultsOf(Task("ready: {http: x}")),
              ElementsAre("2:33: \"http\": 'x' starts with neither http:// nor "
                          "https://"));
  EXPECT_THAT(FaultsOf(Task("ready: {https: 'https://x'}")),
              ElementsAre("2:19: \"ready\" needs exactly one of tcp, http, "
                          "grpc, exec, log and notify",
                          "2:27: unknown key \"https\"; did you mean "
                          "\"http\"?"));
  EXPECT_THAT(FaultsOf(Task("ready: {tcp: 1, log: x}")),
              ElementsAre("2:19: \"ready\" needs exactly one of tcp, http, "
                          "grpc, exec, log and notify"));
  EXPECT_THAT(FaultsOf(Task("ready: {notify: false}")),
              ElementsAre("2:35: \"notify\" must be true, not \"false\""));
  EXPECT_THAT(FaultsOf(Task("ready: soon")),
              ElementsAre("2:26: \"ready\" must be tcp:PORT, http://..., "
                          "https://..., grpc:PORT, exec:LINE, log:REGEX, "
                          "notify or a map, not \"soon\""));
  EXPECT_THAT(FaultsOf(Task("ready: 'log:('")),
              ElementsAre(testing::StartsWith(
                  "2:26: \"ready\": '(' is no regular expression")));
}

TEST(KeyTest, ServicesStayUp) {
  const v1::Graph graph = GraphOf(
      "services: {db: {command: x, ready: 'tcp:1'}}\n"
      "tasks: {t: {command: x, depends_on: db}}\n");
  EXPECT_EQ(graph.tasks(0).kind(), v1::TASK_KIND_SERVICE);
  EXPECT_EQ(graph.tasks(1).kind(), v1::TASK_KIND_TASK);
}

TEST(KeyTest, DefaultsCountWhereATaskSaysNothing) {
  const v1::Graph graph = GraphOf(R"(
tasks:
  a: {command: x}
  b: {command: x, retry: 1, env: {B: own}, resources: {gpus: 1}}
defaults:
  tasks: {retry: {attempts: 3, backoff: 1s}, resources: {cpus: 2}, env: {A: 1, B: 2}}
  services: {stop: {grace: 1s}}
services: {s: x}
)");
  EXPECT_EQ(graph.tasks(0).retry().attempts(), 3u);
  EXPECT_EQ(graph.tasks(0).resources(0).milli(), 2000u);
  EXPECT_EQ(graph.tasks(1).retry().attempts(), 1u);
  EXPECT_FALSE(graph.tasks(1).retry().has_initial_backoff());
  EXPECT_EQ(graph.tasks(1).resources(0).name(), "gpus");
  const auto& env = graph.actions(graph.tasks(1).action()).exec().env();
  EXPECT_EQ(env.at("A"), "1");
  EXPECT_EQ(env.at("B"), "own");
  EXPECT_FALSE(graph.tasks(2).has_retry());
  EXPECT_EQ(graph.actions(graph.tasks(2).action()).stop().grace().seconds(), 1);
}

TEST(KeyTest, DefaultActionsAreReplaced) {
  const v1::Graph graph = GraphOf(
      "defaults: {tasks: {command: [x, y]}}\n"
      "tasks: {a: {}, b: {handler: h}, c: z}\n");
  EXPECT_EQ(graph.actions(graph.tasks(0).action()).exec().argv_size(), 2);
  EXPECT_EQ(graph.actions(graph.tasks(1).action()).handler().name(), "h");
  EXPECT_EQ(graph.actions(graph.tasks(2).action()).exec().shell(), "z");
  EXPECT_EQ(graph.actions(graph.tasks(2).action()).exec().argv_size(), 0);
}

TEST(KeyTest, WrongDefaultsAreNotedOnce) {
  EXPECT_THAT(FaultsOf("defaults: {tasks: {retry: 0}, jobs: {}}\n"
                       "tasks: {a: x, b: y}\n"),
              ElementsAre("1:27: \"retry\" must be a whole number of at least "
                          "1, not \"0\"",
                          "1:31: unknown key \"jobs\""));
  EXPECT_THAT(FaultsOf("defaults: {tasks: {timeout: 9000h}}\n"
                       "tasks: {a: x}\n"),
              ElementsAre("1:29: \"timeout\": 9000h is more than 8760h"));
}

TEST(KeyTest, TasksThatDoTheSameShareAnAction) {
  const v1::Graph graph = GraphOf(
      "tasks: {a: {command: x, env: {A: 1, B: 2}}, "
      "b: {command: x, env: {B: 2, A: 1}, retry: 2}, c: y}");
  EXPECT_EQ(graph.actions_size(), 2);
  EXPECT_EQ(graph.tasks(0).action(), graph.tasks(1).action());
  EXPECT_NE(graph.tasks(0).action(), graph.tasks(2).action());
}

}  // namespace
}  // namespace w2t::graphfile
