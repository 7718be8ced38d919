// When a process is ready, and whether it is still well.
#include <fmt/format.h>

#include <limits>
#include <utility>

#include "client/graphfile/process_keys.h"
#include "client/graphfile/scalars.h"

namespace w2t::graphfile {
namespace {

constexpr int64_t kMaxCount = std::numeric_limits<uint32_t>::max();

// What is asked, by http_get or grpc.
struct Server {
  const ProcessDraft& process;
  std::string scheme = "http";
  std::string host = "127.0.0.1";
  std::string port;  // empty: that of the scheme
  std::string path = "/";
  std::string service;
  v1::HttpProbe http;
};

template <std::string Server::*kField>
void ReadPart(Context& context, const Field& field, Server& server) {
  // Their empty text is their default.
  if (field.value.is_scalar() && field.value.text().empty()) return;
  std::optional<std::string> text =
      ReadRendered(context, field, server.process);
  if (text) server.*kField = *std::move(text);
}

void ReadServerPort(Context& context, const Field& field, Server& server) {
  // Theirs is a text.
  const std::optional<std::string> text =
      ReadRendered(context, field, server.process);
  if (!text) return;
  const std::optional<int64_t> port = ParseInteger(*text);
  if (port && *port >= 1 && *port <= 65'535) {
    server.port = *text;
  } else {
    WrongValue(context, field, "a port from 1 to 65535");
  }
}

void ReadHeaders(Context& context, const Field& field, Server& server) {
  const auto headers = ReadEnvironment(context, field);
  if (!headers) return;
  server.http.mutable_headers()->insert(headers->begin(), headers->end());
}

void ReadStatusCode(Context& context, const Field& field, Server& server) {
  const std::optional<int64_t> status = ReadInteger(context, field, 200, 599);
  if (status) server.http.set_statuses(0, static_cast<uint32_t>(*status));
}

constexpr KeyReader<Server> kHttpKeys[] = {
    {"scheme", ReadPart<&Server::scheme>},
    {"host", ReadPart<&Server::host>},
    {"port", ReadServerPort},
    {"num_port", ReadServerPort},
    {"path", ReadPart<&Server::path>},
    {"headers", ReadHeaders},
    {"status_code", ReadStatusCode},
};
constexpr KeyReader<Server> kGrpcKeys[] = {
    {"host", ReadPart<&Server::host>},
    {"port", ReadServerPort},
    {"num_port", ReadServerPort},
    {"service", ReadPart<&Server::service>},
};

struct ProbeDraft {
  const ProcessDraft& process;
  v1::Probe probe;
  std::string command;
  std::string dir;
};

void ReadProbeCommand(Context& context, const Field& field, ProbeDraft& draft) {
  std::optional<std::string> line = ReadRendered(context, field, draft.process);
  if (line) draft.command = *std::move(line);
}

void ReadProbeDir(Context& context, const Field& field, ProbeDraft& draft) {
  std::optional<std::string> dir = ReadRendered(context, field, draft.process);
  if (dir) draft.dir = *std::move(dir);
}

constexpr KeyReader<ProbeDraft> kExecKeys[] = {{"command", ReadProbeCommand},
                                               {"working_dir", ReadProbeDir}};

void ReadExec(Context& context, const Field& field, ProbeDraft& draft) {
  const bool is_map = ReadMap<ProbeDraft>(context, field, kExecKeys, {}, draft);
  if (is_map && !field.value.Get("command").is_scalar()) {
    context.faults.Add(field.key_at, "\"exec\" has no command");
  }
  draft.probe.set_exec(
      RunByProject(draft.process.project,
                   draft.command.empty() ? "true" : draft.command, draft.dir));
}

std::string WithPort(const Server& server) {
  return server.port.empty() ? server.host
                             : fmt::format("{}:{}", server.host, server.port);
}

void ReadHttpGet(Context& context, const Field& field, ProbeDraft& draft) {
  Server server{.process = draft.process};
  server.http.add_statuses(200);
  ReadMap<Server>(context, field, kHttpKeys, {}, server);
  server.http.set_url(
      fmt::format("{}://{}{}", server.scheme, WithPort(server), server.path));
  *draft.probe.mutable_http() = std::move(server.http);
}

void ReadGrpc(Context& context, const Field& field, ProbeDraft& draft) {
  Server server{.process = draft.process};
  ReadMap<Server>(context, field, kGrpcKeys, {}, server);
  if (server.port.empty()) {
    context.faults.Add(field.key_at, "\"grpc\" has no port");
    server.port = "1";
  }
  draft.probe.set_grpc(
      server.service.empty()
          ? WithPort(server)
          : fmt::format("{}/{}", WithPort(server), server.service));
}

template <google::protobuf::Duration* (v1::Probe::*kField)(), int64_t kLeast>
void ReadTime(Context& context, const Field& field, ProbeDraft& draft) {
  const std::optional<absl::Duration> time =
      ReadSeconds(context, field, kLeast);
  if (time) SetDuration(*time, (draft.probe.*kField)());
}

template <void (v1::Probe::*kSet)(uint32_t)>
void ReadThreshold(Context& context, const Field& field, ProbeDraft& draft) {
  const std::optional<int64_t> count =
      ReadInteger(context, field, 1, kMaxCount);
  if (count) (draft.probe.*kSet)(static_cast<uint32_t>(*count));
}

constexpr KeyReader<ProbeDraft> kProbeKeys[] = {
    {"exec", ReadExec},
    {"http_get", ReadHttpGet},
    {"grpc", ReadGrpc},
    {"initial_delay_seconds", ReadTime<&v1::Probe::mutable_initial_delay, 0>},
    {"period_seconds", ReadTime<&v1::Probe::mutable_every, 1>},
    {"timeout_seconds", ReadTime<&v1::Probe::mutable_timeout, 1>},
    {"success_threshold", ReadThreshold<&v1::Probe::set_successes>},
    {"failure_threshold", ReadThreshold<&v1::Probe::set_failures>},
};

v1::Probe ReadProbe(Context& context, const Field& field,
                    const ProcessDraft& process) {
  ProbeDraft draft{process, {}, {}, {}};
  // What process-compose takes for granted.
  SetDuration(absl::Seconds(10), draft.probe.mutable_every());
  SetDuration(absl::Seconds(1), draft.probe.mutable_timeout());
  draft.probe.set_failures(3);
  const bool is_map =
      ReadMap<ProbeDraft>(context, field, kProbeKeys, {}, draft);
  if (draft.probe.kind_case() == v1::Probe::KIND_NOT_SET) {
    if (is_map) {
      context.faults.Add(
          field.key_at,
          fmt::format("\"{}\" needs exec, http_get or grpc", field.name));
    }
    draft.probe.set_exec("true");
  }
  int kinds = 0;
  for (const char* kind : {"exec", "http_get", "grpc"}) {
    if (!field.value.Get(kind).is_null()) ++kinds;
  }
  if (kinds > 1) {
    context.faults.Add(field.key_at,
                       fmt::format("\"{}\" has more than one of exec, http_get "
                                   "and grpc",
                                   field.name));
  }
  return std::move(draft.probe);
}

}  // namespace

void ReadReadinessProbe(Context& context, const Field& field,
                        ProcessDraft& process) {
  v1::Probe& ready = *process.task.rest.mutable_ready();
  ready = ReadProbe(context, field, process);
  SetDuration(absl::Hours(24), ready.mutable_deadline());
  process.has_readiness_probe = true;
}

void ReadLivenessProbe(Context& context, const Field& field,
                       ProcessDraft& process) {
  v1::Probe& live = *process.task.rest.mutable_live();
  live = ReadProbe(context, field, process);
  // It has to pass once to be well, whatever the file says.
  live.clear_successes();
}

}  // namespace w2t::graphfile
