// How a task is found ready, and how it is stopped: ready and stop.
#include <fmt/format.h>

#include <limits>
#include <utility>

#include "client/graphfile/scalars.h"
#include "client/graphfile/task_keys.h"

namespace w2t::graphfile {
namespace {

constexpr char kProbeForms[] =
    "tcp:PORT, tcp:HOST:PORT, exec:LINE, log:REGEX or a map";
constexpr int64_t kMaxCount = std::numeric_limits<uint32_t>::max();

// A probe while its map is read.
struct ProbeDraft {
  v1::ReadyProbe probe;
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

using SetKind = void (*)(Context&, const Field&, std::string_view, ProbeDraft&);

template <SetKind kSet>
void ReadKind(Context& context, const Field& field, ProbeDraft& draft) {
  if (field.value.is_scalar()) {
    return kSet(context, field, field.value.text(), draft);
  }
  ++draft.kinds;
  WrongValue(context, field, "text");
}

template <google::protobuf::Duration* (v1::ReadyProbe::*kField)()>
void ReadTime(Context& context, const Field& field, ProbeDraft& draft) {
  const std::optional<absl::Duration> time = ReadDuration(context, field);
  if (time) SetDuration(*time, (draft.probe.*kField)());
}

template <void (v1::ReadyProbe::*kSet)(uint32_t)>
void ReadCount(Context& context, const Field& field, ProbeDraft& draft) {
  const std::optional<int64_t> count =
      ReadInteger(context, field, 0, kMaxCount);
  if (count) (draft.probe.*kSet)(static_cast<uint32_t>(*count));
}

constexpr KeyReader<ProbeDraft> kProbeKeys[] = {
    {"tcp", ReadKind<SetTcp>},
    {"exec", ReadKind<SetExec>},
    {"log", ReadKind<SetLog>},
    {"every", ReadTime<&v1::ReadyProbe::mutable_every>},
    {"timeout", ReadTime<&v1::ReadyProbe::mutable_timeout>},
    {"deadline", ReadTime<&v1::ReadyProbe::mutable_deadline>},
    {"initial_delay", ReadTime<&v1::ReadyProbe::mutable_initial_delay>},
    {"successes", ReadCount<&v1::ReadyProbe::set_successes>},
    {"failures", ReadCount<&v1::ReadyProbe::set_failures>},
};
constexpr std::string_view kUnservedProbeKeys[] = {"grpc", "http", "https",
                                                   "notify"};

// "tcp:5432" and the like.
void ReadShortProbe(Context& context, const Field& field, ProbeDraft& draft) {
  const std::string_view text = field.value.text();
  const size_t colon = text.find(':');
  const std::string_view kind = text.substr(0, colon);
  for (const std::string_view unserved : kUnservedProbeKeys) {
    if (kind != unserved) continue;
    context.faults.Add(field.at(),
                       fmt::format("probe \"{}\" is not served yet", kind));
    return;
  }
  if (colon == std::string_view::npos) {
    return WrongValue(context, field, kProbeForms);
  }
  const std::string_view rest = text.substr(colon + 1);
  if (kind == "tcp") return SetTcp(context, field, rest, draft);
  if (kind == "exec") return SetExec(context, field, rest, draft);
  if (kind == "log") return SetLog(context, field, rest, draft);
  WrongValue(context, field, kProbeForms);
}

void ReadStopSignal(Context& context, const Field& field,
                    v1::StopPolicy& stop) {
  const std::optional<uint32_t> signal = ReadSignal(context, field);
  if (signal) stop.set_signal(*signal);
}

void ReadGrace(Context& context, const Field& field, v1::StopPolicy& stop) {
  const std::optional<absl::Duration> grace = ReadDuration(context, field);
  if (grace) SetDuration(*grace, stop.mutable_grace());
}

void ReadStopCommand(Context& context, const Field& field,
                     v1::StopPolicy& stop) {
  std::optional<std::string> line = ReadNonEmptyText(context, field);
  if (line) stop.set_command(*std::move(line));
}

constexpr KeyReader<v1::StopPolicy> kStopKeys[] = {
    {"signal", ReadStopSignal},
    {"grace", ReadGrace},
    {"command", ReadStopCommand},
};

}  // namespace

void ReadReady(Context& context, const Field& field, TaskDraft& draft) {
  ProbeDraft probe;
  if (field.value.is_map()) {
    ReadMap<ProbeDraft>(context, field, kProbeKeys, kUnservedProbeKeys, probe);
    if (probe.kinds != 1) {
      context.faults.Add(field.key_at,
                         fmt::format("\"{}\" needs exactly one of tcp, exec "
                                     "and log",
                                     field.name));
    }
  } else if (field.value.is_scalar()) {
    ReadShortProbe(context, field, probe);
  } else {
    WrongValue(context, field, kProbeForms);
  }
  // A faulty probe still is one: dependents may wait for it.
  if (probe.probe.kind_case() == v1::ReadyProbe::KIND_NOT_SET) {
    probe.probe.set_exec("true");
  }
  *draft.rest.mutable_ready() = std::move(probe.probe);
}

void ReadStop(Context& context, const Field& field, TaskDraft& draft) {
  v1::StopPolicy& stop = *draft.rest.mutable_stop();
  stop.Clear();
  ReadMap<v1::StopPolicy>(context, field, kStopKeys, {}, stop);
}

std::optional<uint32_t> ReadSignal(Context& context, const Field& field) {
  std::optional<uint32_t> signal;
  if (field.value.is_scalar()) {
    signal = ParseSignal(field.value.text());
    const std::optional<int64_t> number = ParseInteger(field.value.text());
    if (number && *number >= 1 && *number <= 31) {
      signal = static_cast<uint32_t>(*number);
    }
  }
  if (!signal) {
    WrongValue(context, field,
               "a signal such as TERM, or its number from 1 "
               "to 31");
  }
  return signal;
}

}  // namespace w2t::graphfile
