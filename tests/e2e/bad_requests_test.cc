// Requests that must be refused: each with its code and its typed detail, and
// none of them felt by a run in progress.
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "fmt/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/fixture.h"
#include "tests/support/graphs.h"

namespace w2t::test {
namespace {

using grpc::StatusCode;

// A status code's number in words that fit a test's message.
constexpr StatusCode kInvalid = StatusCode::INVALID_ARGUMENT;

grpc::Status Submit(RpcClient& client, const v1::SubmitRunRequest& request) {
  grpc::ClientContext context;
  SetDeadline(context);
  v1::SubmitRunResponse response;
  return client.runs().SubmitRun(&context, request, &response);
}

// What a daemon says to a graph; `spoil` makes it a bad one.
grpc::Status SubmitSpoiled(RpcClient& client,
                           const std::function<void(v1::Graph&)>& spoil) {
  v1::SubmitRunRequest request;
  v1::Graph& graph = *request.mutable_graph();
  AddShell(graph, "a", "true");
  AddShell(graph, "b", "true", {"a"});
  AddShell(graph, "c", "true", {"b"});
  spoil(graph);
  return Submit(client, request);
}

// One kind of bad request and the answer to it.
struct BadRequest {
  std::string name;
  std::function<grpc::Status(RpcClient&)> send;
  StatusCode code;
  // UNSPECIFIED: the refusal comes without a detail, from gRPC itself.
  v1::DiagnosticCode detail = v1::DIAGNOSTIC_CODE_UNSPECIFIED;
  std::string field;       // of the first diagnostic, unless empty
  std::string limit_name;  // likewise
};

// A graph with something wrong.
BadRequest BadGraph(std::string name, v1::DiagnosticCode detail,
                    std::string field, std::function<void(v1::Graph&)> spoil,
                    std::string limit_name = "") {
  return {std::move(name),
          [spoil = std::move(spoil)](RpcClient& client) {
            return SubmitSpoiled(client, spoil);
          },
          kInvalid,
          detail,
          std::move(field),
          std::move(limit_name)};
}

// A unary call with something wrong.
template <typename Stub, typename Request, typename Response>
BadRequest BadCall(std::string name, Stub& (RpcClient::*stub)(),
                   grpc::Status (Stub::*method)(grpc::ClientContext*,
                                                const Request&, Response*),
                   StatusCode code, v1::DiagnosticCode detail,
                   std::string field, std::function<void(Request&)> spoil) {
  return {std::move(name),
          [stub, method, spoil = std::move(spoil)](RpcClient& client) {
            grpc::ClientContext context;
            SetDeadline(context);
            Request request;
            spoil(request);
            Response response;
            return ((client.*stub)().*method)(&context, request, &response);
          },
          code,
          detail,
          std::move(field),
          ""};
}

std::vector<BadRequest> StructuralFaults() {
  using G = v1::Graph;
  return {
      BadGraph("unknown dependency", v1::DIAGNOSTIC_CODE_UNKNOWN_DEPENDENCY,
               "graph.tasks[1].depends_on[0].task",
               [](G& graph) {
                 graph.mutable_tasks(1)->mutable_depends_on(0)->set_task("aa");
               }),
      BadGraph("self dependency", v1::DIAGNOSTIC_CODE_SELF_DEPENDENCY,
               "graph.tasks[1].depends_on[0].task",
               [](G& graph) {
                 graph.mutable_tasks(1)->mutable_depends_on(0)->set_task("b");
               }),
      BadGraph("duplicate dependency", v1::DIAGNOSTIC_CODE_DUPLICATE_DEPENDENCY,
               "graph.tasks[1].depends_on[1].task",
               [](G& graph) {
                 graph.mutable_tasks(1)->add_depends_on()->set_task("a");
               }),
      BadGraph("duplicate task", v1::DIAGNOSTIC_CODE_DUPLICATE_TASK,
               "graph.tasks[2].name",
               [](G& graph) { graph.mutable_tasks(2)->set_name("a"); }),
      BadGraph("empty graph", v1::DIAGNOSTIC_CODE_EMPTY_GRAPH, "",
               [](G& graph) { graph.Clear(); }),
      BadGraph("wait for ready without a probe",
               v1::DIAGNOSTIC_CODE_NEVER_READY, "",
               [](G& graph) {
                 graph.mutable_tasks(1)->mutable_depends_on(0)->set_condition(
                     v1::CONDITION_READY);
               }),
      BadGraph("trigger above the dependencies",
               v1::DIAGNOSTIC_CODE_TRIGGER_TOO_LARGE, "",
               [](G& graph) { graph.mutable_tasks(1)->set_trigger(2); }),
      BadGraph(
          "too many tasks", v1::DIAGNOSTIC_CODE_LIMIT_EXCEEDED, "",
          [](G& graph) {
            for (int i = 0; i < 1000; ++i) {
              graph.add_tasks()->set_name(fmt::format("t{}", i));
            }
          },
          "max_tasks"),
      BadGraph("task without a name", v1::DIAGNOSTIC_CODE_MISSING_FIELD,
               "graph.tasks[2].name",
               [](G& graph) { graph.mutable_tasks(2)->clear_name(); }),
      BadGraph("control character in a name", v1::DIAGNOSTIC_CODE_INVALID_VALUE,
               "graph.tasks[2].name",
               [](G& graph) { graph.mutable_tasks(2)->set_name("c\x1b[2J"); }),
      BadGraph(
          "name too long", v1::DIAGNOSTIC_CODE_LIMIT_EXCEEDED,
          "graph.tasks[2].name",
          [](G& graph) {
            graph.mutable_tasks(2)->set_name(std::string(257, 'x'));
          },
          "max_name_bytes"),
      BadGraph("slash in the graph's name", v1::DIAGNOSTIC_CODE_INVALID_VALUE,
               "graph.name", [](G& graph) { graph.set_name("../../etc"); }),
  };
}

// Actions that are larger than they may be.
std::vector<BadRequest> LargeActions() {
  using G = v1::Graph;
  return {
      BadGraph(
          "action too large", v1::DIAGNOSTIC_CODE_LIMIT_EXCEEDED,
          "graph.actions[0]",
          [](G& graph) {
            v1::ExecAction& exec = *graph.mutable_actions(0)->mutable_exec();
            exec.clear_shell();
            for (int i = 0; i < 3; ++i)
              exec.add_argv(std::string(100'000, '#'));
          },
          "max_action_bytes"),
      BadGraph(
          "shell line that Linux cannot start",
          v1::DIAGNOSTIC_CODE_LIMIT_EXCEEDED, "graph.actions[0].exec.shell",
          [](G& graph) {
            graph.mutable_actions(0)->mutable_exec()->set_shell(
                std::string(200'000, '#'));
          },
          "max_argument_bytes"),
  };
}

std::vector<BadRequest> FieldFaults() {
  using G = v1::Graph;
  return {
      BadGraph("action that is not there", v1::DIAGNOSTIC_CODE_INVALID_VALUE,
               "graph.tasks[0].action",
               [](G& graph) { graph.mutable_tasks(0)->set_action(99); }),
      BadGraph("action that does nothing", v1::DIAGNOSTIC_CODE_MISSING_FIELD,
               "graph.actions[0]",
               [](G& graph) { graph.mutable_actions(0)->clear_exec(); }),
      BadGraph("program without a command", v1::DIAGNOSTIC_CODE_MISSING_FIELD,
               "graph.actions[0].exec",
               [](G& graph) {
                 graph.mutable_actions(0)->mutable_exec()->clear_shell();
               }),
      BadGraph("bad regular expression", v1::DIAGNOSTIC_CODE_INVALID_VALUE,
               "graph.actions[0].ready.log_regex",
               [](G& graph) {
                 graph.mutable_actions(0)->mutable_ready()->set_log_regex("(");
               }),
      BadGraph("probe of no port", v1::DIAGNOSTIC_CODE_INVALID_VALUE,
               "graph.actions[0].ready.tcp",
               [](G& graph) {
                 graph.mutable_actions(0)->mutable_ready()->set_tcp("70000");
               }),
      BadGraph("negative timeout", v1::DIAGNOSTIC_CODE_INVALID_VALUE,
               "graph.actions[0].timeout",
               [](G& graph) {
                 graph.mutable_actions(0)->mutable_timeout()->set_seconds(-1);
               }),
      BadGraph("signal that does not exist", v1::DIAGNOSTIC_CODE_INVALID_VALUE,
               "graph.actions[0].stop.signal",
               [](G& graph) {
                 graph.mutable_actions(0)->mutable_stop()->set_signal(99);
               }),
      BadGraph("unknown condition", v1::DIAGNOSTIC_CODE_INVALID_VALUE,
               "graph.tasks[1].depends_on[0].condition",
               [](G& graph) {
                 graph.mutable_tasks(1)->mutable_depends_on(0)->set_condition(
                     static_cast<v1::Condition>(99));
               }),
      BadGraph("unknown kind of task", v1::DIAGNOSTIC_CODE_INVALID_VALUE,
               "graph.tasks[1].kind",
               [](G& graph) {
                 graph.mutable_tasks(1)->set_kind(
                     static_cast<v1::TaskKind>(99));
               }),
      BadGraph(
          "too many attempts", v1::DIAGNOSTIC_CODE_LIMIT_EXCEEDED,
          "graph.tasks[0].retry.attempts",
          [](G& graph) {
            graph.mutable_tasks(0)->mutable_retry()->set_attempts(1001);
          },
          "max_retry_attempts"),
      BadGraph("negative backoff", v1::DIAGNOSTIC_CODE_INVALID_VALUE,
               "graph.tasks[0].retry.initial_backoff",
               [](G& graph) {
                 graph.mutable_tasks(0)
                     ->mutable_retry()
                     ->mutable_initial_backoff()
                     ->set_seconds(-5);
               }),
      BadGraph(
          "priority out of range", v1::DIAGNOSTIC_CODE_INVALID_VALUE,
          "graph.tasks[0].priority",
          [](G& graph) { graph.mutable_tasks(0)->set_priority(2'000'000); }),
      BadGraph("resource twice", v1::DIAGNOSTIC_CODE_INVALID_VALUE,
               "graph.tasks[0].resources[1].name",
               [](G& graph) {
                 for (int i = 0; i < 2; ++i) {
                   v1::Resource* resource =
                       graph.mutable_tasks(0)->add_resources();
                   resource->set_name("gpus");
                   resource->set_milli(1000);
                 }
               }),
  };
}

std::vector<BadRequest> BadQueries() {
  using Runs = v1::RunService::Stub;
  using Admin = v1::AdminService::Stub;
  constexpr v1::DiagnosticCode kNotFound = v1::DIAGNOSTIC_CODE_NOT_FOUND;
  constexpr v1::DiagnosticCode kValue = v1::DIAGNOSTIC_CODE_INVALID_VALUE;
  return {
      BadCall<Runs, v1::GetRunRequest, v1::GetRunResponse>(
          "unknown run", &RpcClient::runs, &Runs::GetRun, StatusCode::NOT_FOUND,
          kNotFound, "run_id",
          [](auto& request) { request.set_run_id("nobody-9"); }),
      BadCall<Runs, v1::GetRunRequest, v1::GetRunResponse>(
          "no run id", &RpcClient::runs, &Runs::GetRun, kInvalid,
          v1::DIAGNOSTIC_CODE_MISSING_FIELD, "run_id", [](auto&) {}),
      BadCall<Runs, v1::ListRunsRequest, v1::ListRunsResponse>(
          "runs by too large a page", &RpcClient::runs, &Runs::ListRuns,
          kInvalid, v1::DIAGNOSTIC_CODE_LIMIT_EXCEEDED, "page_size",
          [](auto& request) { request.set_page_size(1001); }),
      BadCall<Runs, v1::ListRunsRequest, v1::ListRunsResponse>(
          "runs by a bad token", &RpcClient::runs, &Runs::ListRuns, kInvalid,
          kValue, "page_token",
          [](auto& request) { request.set_page_token("\x01garbage"); }),
      BadCall<Runs, v1::ListTasksRequest, v1::ListTasksResponse>(
          "tasks of an unknown run", &RpcClient::runs, &Runs::ListTasks,
          StatusCode::NOT_FOUND, kNotFound, "run_id",
          [](auto& request) { request.set_run_id("nobody-9"); }),
      BadCall<Runs, v1::ListTasksRequest, v1::ListTasksResponse>(
          "tasks by too large a page", &RpcClient::runs, &Runs::ListTasks,
          kInvalid, v1::DIAGNOSTIC_CODE_LIMIT_EXCEEDED, "page_size",
          [](auto& request) {
            request.set_run_id("long-1");
            request.set_page_size(10'001);
          }),
      BadCall<Runs, v1::ListTasksRequest, v1::ListTasksResponse>(
          "tasks in an unknown state", &RpcClient::runs, &Runs::ListTasks,
          kInvalid, kValue, "states[0]",
          [](auto& request) {
            request.set_run_id("long-1");
            request.add_states(static_cast<v1::TaskState>(99));
          }),
      BadCall<Runs, v1::CancelRunRequest, v1::CancelRunResponse>(
          "cancel of an unknown run", &RpcClient::runs, &Runs::CancelRun,
          StatusCode::NOT_FOUND, kNotFound, "run_id",
          [](auto& request) { request.set_run_id("nobody-9"); }),
      BadCall<Runs, v1::CancelRunRequest, v1::CancelRunResponse>(
          "cancel for too long a reason", &RpcClient::runs, &Runs::CancelRun,
          kInvalid, v1::DIAGNOSTIC_CODE_LIMIT_EXCEEDED, "reason",
          [](auto& request) {
            request.set_run_id("long-1");
            request.set_reason(std::string(1025, 'x'));
          }),
      BadCall<Admin, v1::ListWorkersRequest, v1::ListWorkersResponse>(
          "workers by too large a page", &RpcClient::admin, &Admin::ListWorkers,
          kInvalid, v1::DIAGNOSTIC_CODE_LIMIT_EXCEEDED, "page_size",
          [](auto& request) { request.set_page_size(1001); }),
      BadCall<Admin, v1::DrainWorkerRequest, v1::DrainWorkerResponse>(
          "drain of an unknown worker", &RpcClient::admin, &Admin::DrainWorker,
          StatusCode::NOT_FOUND, kNotFound, "name",
          [](auto& request) { request.set_name("nobody"); }),
  };
}

grpc::Status ReadLogs(RpcClient& client, const std::string& run_id,
                      const std::string& task, uint32_t attempt) {
  grpc::ClientContext context;
  SetDeadline(context);
  v1::ReadLogsRequest request;
  request.set_run_id(run_id);
  request.set_task(task);
  request.set_attempt(attempt);
  const auto reader = client.runs().ReadLogs(&context, request);
  v1::ReadLogsResponse response;
  while (reader->Read(&response)) {
  }
  return reader->Finish();
}

grpc::Status WatchRun(RpcClient& client, const std::string& run_id,
                      uint64_t after_seq) {
  grpc::ClientContext context;
  SetDeadline(context);
  v1::WatchRunRequest request;
  request.set_run_id(run_id);
  request.set_after_seq(after_seq);
  const auto reader = client.runs().WatchRun(&context, request);
  v1::WatchRunResponse response;
  while (reader->Read(&response)) {
  }
  return reader->Finish();
}

v1::SessionRequest HelloFrom(const std::string& name) {
  v1::SessionRequest request;
  v1::Hello& hello = *request.mutable_hello();
  hello.set_name(name);
  hello.set_instance("0123456789abcdef");
  v1::Resource* cpus = hello.add_resources();
  cpus->set_name("cpus");
  cpus->set_milli(1000);
  hello.set_max_leases(1);
  hello.set_protocol(1);
  hello.set_version("0.0.0");
  return request;
}

// A worker's stream that sends `requests` and waits to be thrown out.
grpc::Status Session(RpcClient& client,
                     const std::vector<v1::SessionRequest>& requests) {
  grpc::ClientContext context;
  SetDeadline(context);
  const auto stream = client.workers().Session(&context);
  for (const auto& request : requests) stream->Write(request);
  v1::SessionResponse response;
  while (stream->Read(&response)) {
  }
  return stream->Finish();
}

BadRequest BadStream(std::string name, StatusCode code,
                     v1::DiagnosticCode detail, std::string field,
                     std::function<grpc::Status(RpcClient&)> send) {
  return {std::move(name), std::move(send), code, detail, std::move(field), ""};
}

std::vector<BadRequest> BadStreams() {
  constexpr v1::DiagnosticCode kNotFound = v1::DIAGNOSTIC_CODE_NOT_FOUND;
  return {
      BadStream("watch of an unknown run", StatusCode::NOT_FOUND, kNotFound,
                "run_id",
                [](RpcClient& c) { return WatchRun(c, "nobody-9", 0); }),
      BadStream("watch from an event that is not kept any more",
                StatusCode::OUT_OF_RANGE, v1::DIAGNOSTIC_CODE_INVALID_VALUE,
                "after_seq",
                [](RpcClient& c) { return WatchRun(c, "long-1", 1); }),
      BadStream("watch from an event that never was", StatusCode::OUT_OF_RANGE,
                v1::DIAGNOSTIC_CODE_INVALID_VALUE, "after_seq",
                [](RpcClient& c) { return WatchRun(c, "long-1", 1u << 30); }),
      BadStream("logs of an unknown task", StatusCode::NOT_FOUND, kNotFound,
                "task",
                [](RpcClient& c) { return ReadLogs(c, "long-1", "x", 0); }),
      BadStream("logs of an unknown attempt", StatusCode::NOT_FOUND, kNotFound,
                "attempt",
                [](RpcClient& c) { return ReadLogs(c, "long-1", "t0", 7); }),
      BadStream("first message of a session is not Hello",
                StatusCode::FAILED_PRECONDITION,
                v1::DIAGNOSTIC_CODE_MISSING_FIELD, "hello",
                [](RpcClient& c) {
                  v1::SessionRequest pong;
                  pong.mutable_pong()->set_nonce(1);
                  return Session(c, {pong});
                }),
      BadStream("second Hello of a session", StatusCode::FAILED_PRECONDITION,
                v1::DIAGNOSTIC_CODE_INVALID_VALUE, "hello",
                [](RpcClient& c) {
                  return Session(c, {HelloFrom("w9"), HelloFrom("w9")});
                }),
      BadStream("worker without a name", kInvalid,
                v1::DIAGNOSTIC_CODE_MISSING_FIELD, "hello.name",
                [](RpcClient& c) { return Session(c, {HelloFrom("")}); }),
      BadStream("worker with the name of a live one",
                StatusCode::ALREADY_EXISTS, v1::DIAGNOSTIC_CODE_CONFLICT,
                "hello.name",
                [](RpcClient& c) { return Session(c, {HelloFrom("w1")}); }),
      BadStream("worker with columns of unequal length", kInvalid,
                v1::DIAGNOSTIC_CODE_INVALID_VALUE, "hello.held",
                [](RpcClient& c) {
                  v1::SessionRequest request = HelloFrom("w9");
                  request.mutable_hello()->mutable_held()->add_run(1);
                  return Session(c, {request});
                }),
      BadStream("worker of another protocol", StatusCode::FAILED_PRECONDITION,
                v1::DIAGNOSTIC_CODE_INVALID_VALUE, "hello.protocol",
                [](RpcClient& c) {
                  v1::SessionRequest request = HelloFrom("w9");
                  request.mutable_hello()->set_protocol(99);
                  return Session(c, {request});
                }),
  };
}

std::vector<BadRequest> BadSubmits() {
  return {
      {"request id too long",
       [](RpcClient& client) {
         v1::SubmitRunRequest request;
         AddShell(*request.mutable_graph(), "a", "true");
         request.set_request_id(std::string(129, 'r'));
         return Submit(client, request);
       },
       kInvalid, v1::DIAGNOSTIC_CODE_LIMIT_EXCEEDED, "request_id",
       "max_request_id_bytes"},
      {"request id used for another graph",
       [](RpcClient& client) {
         v1::SubmitRunRequest request;
         AddShell(*request.mutable_graph(), "other", "true");
         request.set_request_id("the-long-one");
         return Submit(client, request);
       },
       StatusCode::ALREADY_EXISTS, v1::DIAGNOSTIC_CODE_CONFLICT, "graph.name",
       ""},
      {"message too large",
       [](RpcClient& client) {
         v1::SubmitRunRequest request;
         v1::Graph& graph = *request.mutable_graph();
         AddShell(graph, "a", std::string(3 << 20, '#'));
         return Submit(client, request);
       },
       StatusCode::RESOURCE_EXHAUSTED},
  };
}

class BadRequestsTest : public FleetTest {
 protected:
  // A chain that goes on while the bad requests come, and ends at a gate.
  v1::SubmitRunRequest LongRun() const {
    v1::SubmitRunRequest request;
    v1::Graph& graph = *request.mutable_graph();
    graph.set_name("long");
    for (int i = 0; i < 150; ++i) {
      std::vector<std::string> after;
      if (i > 0) after.push_back(fmt::format("t{}", i - 1));
      AddShell(graph, fmt::format("t{}", i), "true", after);
    }
    AddShell(graph, "gate", WaitForFile(dir_ / "go"), {"t149"});
    request.set_request_id("the-long-one");
    return request;
  }

  void Refuse(const BadRequest& bad) {
    SCOPED_TRACE(bad.name);
    const grpc::Status status = bad.send(*client_);
    SCOPED_TRACE(status.error_message());
    EXPECT_EQ(status.error_code(), bad.code);
    EXPECT_NE(status.error_message(), "");
    if (bad.detail == v1::DIAGNOSTIC_CODE_UNSPECIFIED) return;
    const std::optional<v1::ErrorDetail> detail = DetailOf(status);
    ASSERT_TRUE(detail.has_value()) << "no typed detail";
    ASSERT_EQ(detail->diagnostics_size(), 1) << detail->ShortDebugString();
    EXPECT_EQ(detail->total(), 1u);
    const v1::Diagnostic& diagnostic = detail->diagnostics(0);
    SCOPED_TRACE(diagnostic.ShortDebugString());
    EXPECT_EQ(diagnostic.code(), bad.detail);
    EXPECT_NE(diagnostic.message(), "");
    if (!bad.field.empty()) {
      EXPECT_EQ(diagnostic.field(), bad.field);
    }
    if (!bad.limit_name.empty()) {
      EXPECT_EQ(diagnostic.limit_name(), bad.limit_name);
      EXPECT_GT(diagnostic.limit(), 0u);
      EXPECT_GT(diagnostic.value(), diagnostic.limit());
    }
  }
};

TEST_F(BadRequestsTest, CycleIsRefusedWithItsPathInATypedDetail) {
  StartDaemon();
  const grpc::Status status = SubmitSpoiled(*client_, [](v1::Graph& graph) {
    graph.mutable_tasks(0)->add_depends_on()->set_task("c");
    // Hangs off the cycle, and is not to blame.
    AddShell(graph, "d", "true", {"c"});
  });
  EXPECT_EQ(status.error_code(), kInvalid);
  const std::optional<v1::ErrorDetail> detail = DetailOf(status);
  ASSERT_TRUE(detail.has_value());
  ASSERT_EQ(detail->diagnostics_size(), 1) << detail->ShortDebugString();
  const v1::Diagnostic& cycle = detail->diagnostics(0);
  EXPECT_EQ(cycle.code(), v1::DIAGNOSTIC_CODE_CYCLE);
  ASSERT_EQ(cycle.path_size(), 4) << cycle.ShortDebugString();
  EXPECT_EQ(cycle.path(0), cycle.path(3));
  // Whichever of the three it starts with: each one depends on the next, or the
  // other way round, as the words say.
  const std::string words =
      fmt::format("{} -> {} -> {} -> {}", cycle.path(0), cycle.path(1),
                  cycle.path(2), cycle.path(3));
  EXPECT_THAT(cycle.message(), ::testing::HasSubstr(words));
  EXPECT_THAT(words, ::testing::Not(::testing::HasSubstr("d")));
}

TEST_F(BadRequestsTest, AllFaultsOfAGraphAreToldAtOnce) {
  StartDaemon();
  v1::Graph graph;
  AddShell(graph, "migrate", "true");
  AddShell(graph, "api", "true", {"migrte"});
  AddShell(graph, "api", "true");
  ActionOf(graph, graph.tasks(0)).mutable_timeout()->set_seconds(-1);
  v1::SubmitRunRequest request;
  *request.mutable_graph() = graph;
  const grpc::Status status = Submit(*client_, request);
  EXPECT_EQ(status.error_code(), kInvalid);
  const std::optional<v1::ErrorDetail> detail = DetailOf(status);
  ASSERT_TRUE(detail.has_value());
  std::vector<v1::DiagnosticCode> codes;
  std::string suggestion;
  for (const auto& diagnostic : detail->diagnostics()) {
    codes.push_back(diagnostic.code());
    if (!diagnostic.suggestion().empty()) suggestion = diagnostic.suggestion();
  }
  EXPECT_THAT(codes, ::testing::UnorderedElementsAre(
                         v1::DIAGNOSTIC_CODE_INVALID_VALUE,
                         v1::DIAGNOSTIC_CODE_UNKNOWN_DEPENDENCY,
                         v1::DIAGNOSTIC_CODE_DUPLICATE_TASK));
  EXPECT_EQ(suggestion, "migrate");

  // The same graph, only asked about: a normal answer.
  grpc::ClientContext context;
  SetDeadline(context);
  v1::ValidateGraphRequest validate;
  *validate.mutable_graph() = graph;
  v1::ValidateGraphResponse answer;
  ASSERT_TRUE(client_->runs().ValidateGraph(&context, validate, &answer).ok());
  EXPECT_FALSE(answer.valid());
  EXPECT_EQ(answer.diagnostics_size(), 3);
}

TEST_F(BadRequestsTest, EachKindIsRefusedAndNoneDisturbsARunInProgress) {
  StartDaemon({"--limit", "max_tasks=500", "--limit", "max_run_events=64",
               "--limit", "max_request_bytes=2097152"});
  AddWorker({.name = "w1", .slots = 2});
  ASSERT_TRUE(client_->WaitForWorkers(1));
  ASSERT_TRUE(Submit(*client_, LongRun()).ok());
  ASSERT_TRUE(client_->WaitForTask("long-1", "t20", v1::TASK_STATE_SUCCEEDED));

  std::vector<BadRequest> all;
  for (auto kinds : {StructuralFaults(), LargeActions(), FieldFaults(),
                     BadSubmits(), BadQueries(), BadStreams()}) {
    all.insert(all.end(), kinds.begin(), kinds.end());
  }
  EXPECT_GE(all.size(), 20u);
  for (const auto& bad : all) {
    Refuse(bad);
    ASSERT_TRUE(daemon_->process().running()) << bad.name;
  }

  EXPECT_EQ(client_->GetRun("long-1").state(), v1::RUN_STATE_RUNNING);
  dir_.Write("go", "");
  EXPECT_EQ(client_->WaitForEnd("long-1").state(), v1::RUN_STATE_SUCCEEDED);
  for (const auto& task : client_->ListTasks("long-1")) {
    EXPECT_EQ(task.attempt(), 1u) << task.name();
    EXPECT_EQ(task.worker(), "w1") << task.name();
  }
  EXPECT_TRUE(client_->WaitForWorkers(1));
  EXPECT_TRUE(workers_[0]->running());
}

}  // namespace
}  // namespace w2t::test
