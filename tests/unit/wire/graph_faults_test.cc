// Every kind of fault that a graph's fields can have, one at a time.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ostream>
#include <string>

#include "proto/wire/graph_codec.h"
#include "tests/unit/wire/text_proto.h"

namespace w2t::wire {
namespace {

using enum DiagnosticCode;

struct FaultCase {
  std::string name;
  std::string text;  // merged into a graph of one task; see MakeGraph
  DiagnosticCode code;
  std::string field;
  std::string words;  // in the message
};

void PrintTo(const FaultCase& c, std::ostream* out) { *out << c.name; }

// Task 0 and action 0 stay as they are; action 1 belongs to task 1, which
// `text` may leave out.
v1::Graph MakeGraph(const std::string& text) {
  v1::Graph graph = SmallGraph();
  Merge(text, &graph);
  return graph;
}

class GraphFaultTest : public testing::TestWithParam<FaultCase> {};

TEST_P(GraphFaultTest, IsReportedWithItsField) {
  const FaultCase& c = GetParam();
  const DecodedGraph decoded = DecodeGraph(MakeGraph(c.text), Limits());
  EXPECT_EQ(decoded.blueprint, nullptr);
  EXPECT_EQ(decoded.definition, nullptr);
  ASSERT_EQ(decoded.faults.total(), 1u) << decoded.faults.Summary();
  const Diagnostic& fault = decoded.faults.listed()[0];
  EXPECT_EQ(fault.code, c.code) << fault.message;
  EXPECT_EQ(fault.field, c.field);
  EXPECT_THAT(fault.message, testing::HasSubstr(c.words));
}

std::string NameOf(const testing::TestParamInfo<FaultCase>& info) {
  return info.param.name;
}

INSTANTIATE_TEST_SUITE_P(
    Graph, GraphFaultTest,
    testing::Values(
        FaultCase{"BadGraphName", "name: 'a/b'", kInvalidValue, "graph.name",
                  "may only have letters"},
        FaultCase{"UnknownKind", "tasks { name: 'b' kind: 9 }", kInvalidValue,
                  "graph.tasks[1].kind", "9 is no task kind"},
        FaultCase{"ControlCharacterInName", "tasks { name: 'b\\n' }",
                  kInvalidValue, "graph.tasks[1].name", "control character"},
        FaultCase{"NoName", "tasks { }", kMissingField, "graph.tasks[1].name",
                  ""},
        FaultCase{"ActionOutOfRange", "tasks { name: 'b' action: 1 }",
                  kInvalidValue, "graph.tasks[1].action",
                  "1 is no index into the 1 actions"},
        FaultCase{"UnknownCondition",
                  "tasks { name: 'b' depends_on { task: 'a' condition: 77 } }",
                  kInvalidValue, "graph.tasks[1].depends_on[0].condition",
                  "77 is no condition"},
        FaultCase{"UnknownDependency",
                  "tasks { name: 'b' depends_on { task: 'A' } }",
                  kUnknownDependency, "graph.tasks[1].depends_on[0].task", ""},
        FaultCase{"PriorityTooHigh", "tasks { name: 'b' priority: 1000001 }",
                  kInvalidValue, "graph.tasks[1].priority", "1000001"},
        FaultCase{"NegativeEstimate",
                  "tasks { name: 'b' estimate { seconds: -1 } }", kInvalidValue,
                  "graph.tasks[1].estimate", "negative"},
        FaultCase{"EstimateTooLong",
                  "tasks { name: 'b' estimate { seconds: 99999999 } }",
                  kInvalidValue, "graph.tasks[1].estimate", "is more than"}),
    NameOf);

INSTANTIATE_TEST_SUITE_P(
    Retry, GraphFaultTest,
    testing::Values(
        FaultCase{"TooManyAttempts",
                  "tasks { name: 'b' retry { attempts: 1001 } }",
                  kLimitExceeded, "graph.tasks[1].retry.attempts",
                  "max_retry_attempts"},
        FaultCase{
            "NegativeBackoff",
            "tasks { name: 'b' retry { initial_backoff { seconds: -5 } } }",
            kInvalidValue, "graph.tasks[1].retry.initial_backoff", "negative"},
        FaultCase{
            "BackoffTooLong",
            "tasks { name: 'b' retry { max_backoff { seconds: 86401 } } }",
            kInvalidValue, "graph.tasks[1].retry.max_backoff",
            "is more than 24h"},
        FaultCase{"MaxBelowInitialBackoff",
                  "tasks { name: 'b' retry { initial_backoff { seconds: 9 }"
                  " max_backoff { seconds: 3 } } }",
                  kInvalidValue, "graph.tasks[1].retry.max_backoff",
                  "less than initial_backoff"}),
    NameOf);

INSTANTIATE_TEST_SUITE_P(
    Placement, GraphFaultTest,
    testing::Values(
        FaultCase{"DuplicateResource",
                  "tasks { name: 'b' resources { name: 'gpus' milli: 1 }"
                  " resources { name: 'gpus' milli: 2 } }",
                  kInvalidValue, "graph.tasks[1].resources[1].name",
                  "'gpus' is listed twice"},
        FaultCase{"ResourceWithoutName",
                  "tasks { name: 'b' resources { milli: 1 } }", kMissingField,
                  "graph.tasks[1].resources[0].name", "required"},
        FaultCase{"TooMuchOfAResource",
                  "tasks { name: 'b' resources { name: 'cpus'"
                  " milli: 1000000001 } }",
                  kInvalidValue, "graph.tasks[1].resources[0].milli",
                  "is more than 1000000000"},
        FaultCase{"ControlCharacterInWorker",
                  "tasks { name: 'b' host { worker: 'w\\001' } }",
                  kInvalidValue, "graph.tasks[1].host.worker",
                  "control character"},
        FaultCase{"LabelWithoutName",
                  "tasks { name: 'b' host { labels { key: '' value: 'x' } } }",
                  kMissingField, "graph.tasks[1].host.labels",
                  "without a name"},
        FaultCase{"ControlCharacterInLabel",
                  "tasks { name: 'b' host { labels { key: 'role'"
                  " value: 'd\\tb' } } }",
                  kInvalidValue, "graph.tasks[1].host.labels[\"role\"]",
                  "control character"}),
    NameOf);

INSTANTIATE_TEST_SUITE_P(
    Action, GraphFaultTest,
    testing::Values(
        FaultCase{"NoKind", "actions { }", kMissingField, "graph.actions[1]",
                  "needs exec or handler"},
        FaultCase{"NeitherArgvNorShell", "actions { exec { } }", kMissingField,
                  "graph.actions[1].exec", "needs argv or shell"},
        FaultCase{"BothArgvAndShell",
                  "actions { exec { argv: 'a' shell: 'b' } }", kInvalidValue,
                  "graph.actions[1].exec", "both argv and shell"},
        FaultCase{"EmptyProgram", "actions { exec { argv: '' argv: 'x' } }",
                  kMissingField, "graph.actions[1].exec.argv[0]", "required"},
        FaultCase{"NulInArgument",
                  "actions { exec { argv: 'a' argv: 'b\\000c' } }",
                  kInvalidValue, "graph.actions[1].exec.argv[1]", "NUL"},
        FaultCase{"NulInShell", "actions { exec { shell: 'a\\000' } }",
                  kInvalidValue, "graph.actions[1].exec.shell", "NUL"},
        FaultCase{"NulInDir", "actions { exec { shell: 'a' dir: '\\000' } }",
                  kInvalidValue, "graph.actions[1].exec.dir", "NUL"},
        FaultCase{"NulInShellProgram",
                  "actions { exec { shell: 'a' shell_program: '\\000' } }",
                  kInvalidValue, "graph.actions[1].exec.shell_program", "NUL"},
        FaultCase{"EqualsInVariable",
                  "actions { exec { shell: 'a' env { key: 'A=B' } } }",
                  kInvalidValue, "graph.actions[1].exec.env[\"A=B\"]", "'='"},
        FaultCase{"VariableWithoutName",
                  "actions { exec { shell: 'a' env { key: '' } } }",
                  kMissingField, "graph.actions[1].exec.env", "without a name"},
        FaultCase{"NulInVariable",
                  "actions { exec { shell: 'a' env { key: 'A'"
                  " value: '\\000' } } }",
                  kInvalidValue, "graph.actions[1].exec.env[\"A\"]", "NUL"},
        FaultCase{
            "ExitCodeTooLarge",
            "actions { exec { shell: 'a' success_exit_codes: [3, 256] } }",
            kInvalidValue, "graph.actions[1].exec.success_exit_codes[1]",
            "256 is not between 0 and 255"},
        FaultCase{"TooLittleMemory",
                  "actions { exec { shell: 'a' limits { memory_bytes: 9 } } }",
                  kInvalidValue, "graph.actions[1].exec.limits.memory_bytes",
                  "9 is not between 1048576 and 1125899906842624"},
        FaultCase{"HandlerWithoutName", "actions { handler { } }",
                  kMissingField, "graph.actions[1].handler.name", "required"},
        FaultCase{"NegativeTimeout",
                  "actions { exec { shell: 'a' } timeout { nanos: -1 } }",
                  kInvalidValue, "graph.actions[1].timeout", "negative"},
        FaultCase{
            "TimeoutTooLong",
            "actions { exec { shell: 'a' } timeout { seconds: 31536001 } }",
            kInvalidValue, "graph.actions[1].timeout", "is more than"},
        FaultCase{"SignalTooLarge",
                  "actions { exec { shell: 'a' } stop { signal: 32 } }",
                  kInvalidValue, "graph.actions[1].stop.signal", "32"},
        FaultCase{"GraceTooLong",
                  "actions { exec { shell: 'a' } stop { grace {"
                  " seconds: 3601 } } }",
                  kInvalidValue, "graph.actions[1].stop.grace",
                  "is more than 1h"},
        FaultCase{"NulInStopCommand",
                  "actions { exec { shell: 'a' } stop { command: '\\000' } }",
                  kInvalidValue, "graph.actions[1].stop.command", "NUL"}),
    NameOf);

INSTANTIATE_TEST_SUITE_P(
    Probe, GraphFaultTest,
    testing::Values(
        FaultCase{"NoKind", "actions { exec { shell: 'a' } ready { } }",
                  kMissingField, "graph.actions[1].ready", "needs tcp"},
        FaultCase{"NoPort",
                  "actions { exec { shell: 'a' } ready { tcp: 'db' } }",
                  kInvalidValue, "graph.actions[1].ready.tcp",
                  "neither PORT nor HOST:PORT"},
        FaultCase{"PortTooLarge",
                  "actions { exec { shell: 'a' } ready { tcp: 'db:65536' } }",
                  kInvalidValue, "graph.actions[1].ready.tcp", "db:65536"},
        FaultCase{"NoHost",
                  "actions { exec { shell: 'a' } ready { tcp: ':80' } }",
                  kInvalidValue, "graph.actions[1].ready.tcp", ":80"},
        FaultCase{"BareIpv6",
                  "actions { exec { shell: 'a' } ready { tcp: '::1:80' } }",
                  kInvalidValue, "graph.actions[1].ready.tcp", "::1:80"},
        FaultCase{"EmptyExec",
                  "actions { exec { shell: 'a' } ready { exec: '' } }",
                  kMissingField, "graph.actions[1].ready.exec", "required"},
        FaultCase{"EmptyText",
                  "actions { exec { shell: 'a' } ready { log_text: '' } }",
                  kMissingField, "graph.actions[1].ready.log_text", "required"},
        FaultCase{"BrokenRegex",
                  "actions { exec { shell: 'a' } ready { log_regex: 'a(b' } }",
                  kInvalidValue, "graph.actions[1].ready.log_regex",
                  "no regular expression"},
        FaultCase{"CostlyRegex",
                  "actions { exec { shell: 'a' } ready {"
                  " log_regex: '(a{1,99}){1,99}' } }",
                  kInvalidValue, "graph.actions[1].ready.log_regex", "states"},
        FaultCase{
            "ZeroEvery",
            "actions { exec { shell: 'a' } ready { tcp: '80' every {} } }",
            kInvalidValue, "graph.actions[1].ready.every", "less than"},
        FaultCase{"NegativeProbeTimeout",
                  "actions { exec { shell: 'a' } ready { tcp: '80'"
                  " timeout { seconds: -1 } } }",
                  kInvalidValue, "graph.actions[1].ready.timeout", "negative"},
        FaultCase{"DeadlineTooLong",
                  "actions { exec { shell: 'a' } ready { tcp: '80'"
                  " deadline { seconds: 99999999 } } }",
                  kInvalidValue, "graph.actions[1].ready.deadline",
                  "is more than"},
        FaultCase{"NegativeDelay",
                  "actions { exec { shell: 'a' } ready { tcp: '80'"
                  " initial_delay { seconds: -1 } } }",
                  kInvalidValue, "graph.actions[1].ready.initial_delay",
                  "negative"},
        FaultCase{"TooManySuccesses",
                  "actions { exec { shell: 'a' } ready { tcp: '80'"
                  " successes: 101 } }",
                  kInvalidValue, "graph.actions[1].ready.successes", "101"},
        FaultCase{"TooManyFailures",
                  "actions { exec { shell: 'a' } ready { tcp: '80'"
                  " failures: 1000001 } }",
                  kInvalidValue, "graph.actions[1].ready.failures", "1000001"},
        FaultCase{"UrlOfNothing",
                  "actions { exec { shell: 'a' } ready { http { } } }",
                  kInvalidValue, "graph.actions[1].ready.http.url", "http://"},
        FaultCase{
            "UrlOfAnotherScheme",
            "actions { exec { shell: 'a' } ready { http { url: 'ftp://x' } } }",
            kInvalidValue, "graph.actions[1].ready.http.url", "neither"},
        FaultCase{"UrlWithoutHost",
                  "actions { exec { shell: 'a' } ready { http { url: "
                  "'http://:80/' } } }",
                  kInvalidValue, "graph.actions[1].ready.http.url", "no host"},
        FaultCase{"UrlWithASpace",
                  "actions { exec { shell: 'a' } ready { http { url: "
                  "'http://x/ y' } } }",
                  kInvalidValue, "graph.actions[1].ready.http.url", "space"},
        FaultCase{"LowerCaseMethod",
                  "actions { exec { shell: 'a' } ready { http { url: "
                  "'http://x' method: 'get' } } }",
                  kInvalidValue, "graph.actions[1].ready.http.method",
                  "capital"},
        FaultCase{"HeaderWithoutName",
                  "actions { exec { shell: 'a' } ready { http { url: "
                  "'http://x' headers { key: '' value: 'v' } } } }",
                  kInvalidValue, "graph.actions[1].ready.http.headers[\"\"]",
                  "no name of a header"},
        FaultCase{"HeaderWithASpace",
                  "actions { exec { shell: 'a' } ready { http { url: "
                  "'http://x' headers { key: 'a b' value: 'v' } } } }",
                  kInvalidValue, "graph.actions[1].ready.http.headers[\"a b\"]",
                  "no name of a header"},
        FaultCase{"HeaderOfTwoLines",
                  "actions { exec { shell: 'a' } ready { http { url: "
                  "'http://x' headers { key: 'a' value: 'v\\r\\nb: c' } } } }",
                  kInvalidValue, "graph.actions[1].ready.http.headers[\"a\"]",
                  "control character"},
        FaultCase{"StatusOutOfRange",
                  "actions { exec { shell: 'a' } ready { http { url: "
                  "'http://x' statuses: 200 statuses: 600 } } }",
                  kInvalidValue, "graph.actions[1].ready.http.statuses[1]",
                  "600"},
        FaultCase{"GrpcWithoutPort",
                  "actions { exec { shell: 'a' } ready { grpc: 'x/service' } }",
                  kInvalidValue, "graph.actions[1].ready.grpc", "neither PORT"},
        FaultCase{"GrpcWithAnEmptyService",
                  "actions { exec { shell: 'a' } ready { grpc: '80/' } }",
                  kMissingField, "graph.actions[1].ready.grpc", ""},
        FaultCase{
            "LiveWithoutKind",
            "actions { exec { shell: 'a' } live { every { seconds: 1 } } }",
            kMissingField, "graph.actions[1].live", "needs tcp"},
        FaultCase{"LiveByLogText",
                  "actions { exec { shell: 'a' } live { log_text: 'x' } }",
                  kInvalidValue, "graph.actions[1].live.log_text",
                  "ready alone"},
        FaultCase{"LiveByLogRegex",
                  "actions { exec { shell: 'a' } live { log_regex: 'x' } }",
                  kInvalidValue, "graph.actions[1].live.log_regex",
                  "ready alone"},
        FaultCase{"LiveWithADeadline",
                  "actions { exec { shell: 'a' } live { tcp: '80' deadline { "
                  "seconds: 1 } } }",
                  kInvalidValue, "graph.actions[1].live.deadline",
                  "ready alone"},
        FaultCase{
            "LiveWithSuccesses",
            "actions { exec { shell: 'a' } live { tcp: '80' successes: 1 } }",
            kInvalidValue, "graph.actions[1].live.successes", "ready alone"}),
    NameOf);

// The one fault of a graph that is made by code.
Diagnostic OnlyFault(const v1::Graph& graph, const Limits& limits = {}) {
  const DecodedGraph decoded = DecodeGraph(graph, limits);
  EXPECT_EQ(decoded.faults.total(), 1u) << decoded.faults.Summary();
  return decoded.faults.empty() ? Diagnostic() : decoded.faults.listed()[0];
}

void ExpectLimit(const Diagnostic& fault, const std::string& field,
                 const std::string& name, uint64_t limit, uint64_t value) {
  EXPECT_EQ(fault.code, kLimitExceeded) << fault.message;
  EXPECT_EQ(fault.field, field);
  EXPECT_EQ(fault.limit_name, name);
  EXPECT_EQ(fault.limit, limit);
  EXPECT_EQ(fault.value, value);
  EXPECT_THAT(fault.message, testing::HasSubstr(name));
}

TEST(GraphLimitTest, AStringThatLinuxCannotStartAProgramWithIsRefused) {
  v1::Graph graph = SmallGraph();
  v1::ExecAction& exec = *graph.mutable_actions(0)->mutable_exec();
  const std::string most(131'071, 'x');
  exec.add_argv(most);
  EXPECT_TRUE(DecodeGraph(graph, Limits()).faults.empty());
  exec.set_argv(1, most + "x");
  ExpectLimit(OnlyFault(graph), "graph.actions[0].exec.argv[1]",
              "max_argument_bytes", 131'071, 131'072);
  exec.clear_argv();
  exec.set_shell(most + "xx");
  ExpectLimit(OnlyFault(graph), "graph.actions[0].exec.shell",
              "max_argument_bytes", 131'071, 131'073);
  exec.set_shell("true");
  (*exec.mutable_env())["A"] = most;  // "A=" comes before it
  ExpectLimit(OnlyFault(graph), "graph.actions[0].exec.env[\"A\"]",
              "max_argument_bytes", 131'071, 131'073);
}

TEST(GraphLimitTest, CountsEntries) {
  v1::Graph graph = SmallGraph();
  v1::Task& task = *graph.mutable_tasks(0);
  for (int i = 0; i < 65; ++i) task.mutable_retry()->add_exit_codes(i);
  ExpectLimit(OnlyFault(graph), "graph.tasks[0].retry.exit_codes",
              "max_exit_codes", 64, 65);
  task.clear_retry();
  for (int i = 0; i < 17; ++i) {
    task.add_resources()->set_name("r" + std::to_string(i));
  }
  ExpectLimit(OnlyFault(graph), "graph.tasks[0].resources", "max_resources", 16,
              17);
  task.clear_resources();
  for (int i = 0; i < 33; ++i) {
    (*task.mutable_host()->mutable_labels())[std::to_string(i)] = "x";
  }
  ExpectLimit(OnlyFault(graph), "graph.tasks[0].host.labels", "max_labels", 32,
              33);
}

TEST(GraphLimitTest, CountsEntriesOfActions) {
  v1::Graph graph = SmallGraph();
  v1::ExecAction& exec = *graph.mutable_actions(0)->mutable_exec();
  for (int i = 0; i < 4096; ++i) exec.add_argv("x");
  EXPECT_EQ(OnlyFault(graph).field, "graph.actions[0].exec.argv");
  exec.mutable_argv()->DeleteSubrange(1, 4096);
  for (int i = 0; i < 1025; ++i) (*exec.mutable_env())[std::to_string(i)] = "";
  EXPECT_EQ(OnlyFault(graph).field, "graph.actions[0].exec.env");
  exec.clear_env();
  for (int i = 0; i < 65; ++i) exec.add_success_exit_codes(1);
  EXPECT_EQ(OnlyFault(graph).field, "graph.actions[0].exec.success_exit_codes");
}

TEST(GraphLimitTest, BoundsTheSizeOfActions) {
  v1::Graph graph = SmallGraph();
  for (int i = 0; i < 3; ++i) {
    graph.mutable_actions(0)->mutable_exec()->add_argv(
        std::string(100 * 1024, 'x'));
  }
  const uint64_t size = graph.actions(0).ByteSizeLong();
  ExpectLimit(OnlyFault(graph), "graph.actions[0]", "max_action_bytes",
              256 * 1024, size);
}

TEST(GraphLimitTest, LooksNoFurtherIntoGraphsThatAreTooLarge) {
  v1::Graph graph = SmallGraph();
  Limits limits;
  limits.max_tasks = 2;
  for (int i = 0; i < 5; ++i) graph.add_tasks();  // faulty in other ways too
  ExpectLimit(OnlyFault(graph, limits), "graph.tasks", "max_tasks", 2, 6);
  graph.mutable_tasks()->DeleteSubrange(1, 5);
  for (int i = 0; i < 5; ++i) graph.add_actions();
  ExpectLimit(OnlyFault(graph, limits), "graph.actions", "max_tasks", 2, 6);
  graph.mutable_actions()->DeleteSubrange(1, 5);
  limits.max_edges = 3;
  for (int i = 0; i < 4; ++i) graph.mutable_tasks(0)->add_depends_on();
  ExpectLimit(OnlyFault(graph, limits), "graph.tasks.depends_on", "max_edges",
              3, 4);
}

TEST(GraphLimitTest, NamesMayNotBeTooLong) {
  v1::Graph graph = SmallGraph();
  graph.mutable_tasks(0)->set_name(std::string(257, 'x'));
  ExpectLimit(OnlyFault(graph), "graph.tasks[0].name", "max_name_bytes", 256,
              257);
}

TEST(GraphLimitTest, ADependencyOnAHugeNameIsUnknown) {
  v1::Graph graph = SmallGraph();
  graph.mutable_tasks(0)->add_depends_on()->set_task(
      std::string(1'000'000, 'x'));
  const Diagnostic fault = OnlyFault(graph);
  EXPECT_EQ(fault.code, kUnknownDependency);
  EXPECT_LT(fault.message.size(), 300u);
}

TEST(GraphLimitTest, TextThatIsNotUtf8IsRefused) {
  v1::Graph graph = SmallGraph();
  graph.mutable_tasks(0)->set_name("a\xff");
  EXPECT_EQ(OnlyFault(graph).message, "graph.tasks[0].name: 'a?' is not UTF-8");
}

}  // namespace
}  // namespace w2t::wire
