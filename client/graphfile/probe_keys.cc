// How a task is found ready, and watched afterwards: ready and live.
#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "client/graphfile/scalars.h"
#include "client/graphfile/task_keys.h"

namespace w2t::graphfile {
namespace {

constexpr char kProbeForms[] =
    "tcp:PORT, http://..., https://..., grpc:PORT, exec:LINE, log:REGEX, "
    "notify or a map";
constexpr int64_t kMaxCount = std::numeric_limits<uint32_t>::max();

// A probe while its map is read.
struct ProbeDraft {
  v1::Probe probe;
  uint32_t kinds = 0;
};

// "PORT" or "HOST:PORT". Where a key's value has a prefix, `text` is the rest.
void SetTcp(Context& context, const Field& field, std::string_view text,
            ProbeDraft& draft) {
  ++draft.kinds;
  const size_t colon = text.rfind(':');
  const bool has_host = colon != std::string_view::npos;
  const std::optional<int64_t> port =
      ParseInteger(has_host ? text.substr(colon + 1) : text);
  if (!port || *port < 1 || *port > 65'535 || (has_host && colon == 0)) {
    return WrongValue(context, field,
                      "PORT or HOST:PORT after tcp, with a port from 1 to "
                      "65535");
  }
  draft.probe.set_tcp(std::string(text));
}

void SetExec(Context& context, const Field& field, std::string_view text,
             ProbeDraft& draft) {
  ++draft.kinds;
  if (text.empty()) {
    return WrongValue(context, field, "a command line after exec");
  }
  draft.probe.set_exec(std::string(text));
}

void SetLog(Context& context, const Field& field, std::string_view text,
            ProbeDraft& draft) {
  ++draft.kinds;
  if (text.empty()) {
    return WrongValue(context, field, "a regular expression after log");
  }
  draft.probe.set_log_regex(std::string(text));
}

void SetUrl(Context& context, const Field& field, std::string_view text,
            ProbeDraft& draft) {
  ++draft.kinds;
  if (text.empty()) return WrongValue(context, field, "a URL");
  draft.probe.mutable_http()->set_url(std::string(text));
}

void SetGrpc(Context& context, const Field& field, std::string_view text,
             ProbeDraft& draft) {
  ++draft.kinds;
  if (text.empty()) {
    return WrongValue(context, field, "PORT or HOST:PORT after grpc");
  }
  draft.probe.set_grpc(std::string(text));
}

using SetKind = void (*)(Context&, const Field&, std::string_view, ProbeDraft&);

template <SetKind kSet>
void ReadKind(Context& context, const Field& field, ProbeDraft& draft) {
  if (field.value.is_scalar()) {
    return kSet(context, field, field.value.text(), draft);
  }
  ++draft.kinds;
  WrongValue(context, field, "text");
}

void ReadUrl(Context& context, const Field& field, v1::HttpProbe& http) {
  std::optional<std::string> url = ReadNonEmptyText(context, field);
  if (url) http.set_url(*std::move(url));
}

void ReadMethod(Context& context, const Field& field, v1::HttpProbe& http) {
  std::optional<std::string> method = ReadNonEmptyText(context, field);
  if (method) http.set_method(*std::move(method));
}

void ReadHeader(Context& context, const Field& field, v1::HttpProbe& http) {
  std::optional<std::string> value = ReadText(context, field);
  if (value) {
    (*http.mutable_headers())[std::string(field.name)] = *std::move(value);
  }
}

void ReadHeaders(Context& context, const Field& field, v1::HttpProbe& http) {
  VisitEntries(context, field,
               [&](const Field& entry) { ReadHeader(context, entry, http); });
}

void ReadStatus(Context& context, const Field& field, v1::HttpProbe& http) {
  const auto statuses = ReadNumbers(context, field, "statuses", 200, 599);
  if (!statuses) return;
  for (const int32_t status : *statuses) {
    http.add_statuses(static_cast<uint32_t>(status));
  }
}

void ReadTlsVerify(Context& context, const Field& field, v1::HttpProbe& http) {
  const std::optional<bool> verify = ReadBool(context, field);
  if (verify) http.set_skip_tls_verify(!*verify);
}

constexpr KeyReader<v1::HttpProbe> kHttpKeys[] = {
    {"url", ReadUrl},
    {"method", ReadMethod},
    {"headers", ReadHeaders},
    {"status", ReadStatus},
    {"tls_verify", ReadTlsVerify},
};

void ReadHttp(Context& context, const Field& field, ProbeDraft& draft) {
  if (!field.value.is_map()) {
    return ReadKind<SetUrl>(context, field, draft);
  }
  ++draft.kinds;
  v1::HttpProbe& http = *draft.probe.mutable_http();
  ReadMap<v1::HttpProbe>(context, field, kHttpKeys, {}, http);
  if (field.value.Get("url").is_null()) {
    context.faults.Add(field.key_at, "\"http\" has no url");
    http.set_url("http://localhost");
  }
}

void ReadNotify(Context& context, const Field& field, ProbeDraft& draft) {
  ++draft.kinds;
  if (ReadBool(context, field).value_or(true)) {
    draft.probe.mutable_notify();
  } else {
    WrongValue(context, field, "true");
  }
}

template <google::protobuf::Duration* (v1::Probe::*kField)()>
void ReadTime(Context& context, const Field& field, ProbeDraft& draft) {
  const std::optional<absl::Duration> time = ReadDuration(context, field);
  if (time) SetDuration(*time, (draft.probe.*kField)());
}

template <void (v1::Probe::*kSet)(uint32_t)>
void ReadCount(Context& context, const Field& field, ProbeDraft& draft) {
  const std::optional<int64_t> count =
      ReadInteger(context, field, 0, kMaxCount);
  if (count) (draft.probe.*kSet)(static_cast<uint32_t>(*count));
}

constexpr KeyReader<ProbeDraft> kProbeKeys[] = {
    {"tcp", ReadKind<SetTcp>},
    {"http", ReadHttp},
    {"grpc", ReadKind<SetGrpc>},
    {"exec", ReadKind<SetExec>},
    {"log", ReadKind<SetLog>},
    {"notify", ReadNotify},
    {"every", ReadTime<&v1::Probe::mutable_every>},
    {"timeout", ReadTime<&v1::Probe::mutable_timeout>},
    {"deadline", ReadTime<&v1::Probe::mutable_deadline>},
    {"initial_delay", ReadTime<&v1::Probe::mutable_initial_delay>},
    {"successes", ReadCount<&v1::Probe::set_successes>},
    {"failures", ReadCount<&v1::Probe::set_failures>},
};
// "tcp:5432" and the like.
void ReadShortProbe(Context& context, const Field& field, ProbeDraft& draft) {
  const std::string_view text = field.value.text();
  const size_t colon = std::min(text.find(':'), text.size());
  const std::string_view kind = text.substr(0, colon);
  if (text == "notify") {
    ++draft.kinds;
    draft.probe.mutable_notify();
    return;
  }
  if (colon == text.size()) return WrongValue(context, field, kProbeForms);
  const std::string_view rest = text.substr(colon + 1);
  if (kind == "tcp") return SetTcp(context, field, rest, draft);
  if (kind == "exec") return SetExec(context, field, rest, draft);
  if (kind == "log") return SetLog(context, field, rest, draft);
  if (kind == "grpc") return SetGrpc(context, field, rest, draft);
  if (kind == "http" || kind == "https") {
    return SetUrl(context, field, text, draft);
  }
  WrongValue(context, field, kProbeForms);
}

// Of `ready` or `live`.
v1::Probe ReadProbe(Context& context, const Field& field) {
  ProbeDraft draft;
  if (field.value.is_map()) {
    ReadMap<ProbeDraft>(context, field, kProbeKeys, {}, draft);
    if (draft.kinds != 1) {
      context.faults.Add(field.key_at,
                         fmt::format("\"{}\" needs exactly one of tcp, http, "
                                     "grpc, exec, log and notify",
                                     field.name));
    }
  } else if (field.value.is_scalar()) {
    ReadShortProbe(context, field, draft);
  } else {
    WrongValue(context, field, kProbeForms);
  }
  // A faulty probe still is one: dependents may wait for it.
  if (draft.probe.kind_case() == v1::Probe::KIND_NOT_SET) {
    draft.probe.set_exec("true");
  }
  return std::move(draft.probe);
}

}  // namespace

void ReadReady(Context& context, const Field& field, TaskDraft& draft) {
  *draft.rest.mutable_ready() = ReadProbe(context, field);
}

void ReadLive(Context& context, const Field& field, TaskDraft& draft) {
  *draft.rest.mutable_live() = ReadProbe(context, field);
}

}  // namespace w2t::graphfile
