#include "client/graphfile/task_keys.h"

#include <fmt/format.h>

#include "w2t/internal/suggest.h"

namespace w2t::graphfile {
namespace {

constexpr int64_t kHighestPriority = 1'000'000;

void ReadTimeout(Context& context, const Field& field, TaskDraft& draft) {
  const std::optional<absl::Duration> timeout = ReadDuration(context, field);
  if (timeout) SetDuration(*timeout, draft.rest.mutable_timeout());
}

void ReadEstimate(Context& context, const Field& field, TaskDraft& draft) {
  const std::optional<absl::Duration> estimate = ReadDuration(context, field);
  if (estimate) SetDuration(*estimate, draft.task.mutable_estimate());
}

void ReadPriority(Context& context, const Field& field, TaskDraft& draft) {
  const std::optional<int64_t> priority =
      ReadInteger(context, field, -kHighestPriority, kHighestPriority);
  if (priority) draft.task.set_priority(static_cast<int32_t>(*priority));
}

void ReadAllowFailure(Context& context, const Field& field, TaskDraft& draft) {
  const std::optional<bool> allow = ReadBool(context, field);
  if (allow) draft.task.set_allow_failure(*allow);
}

void ReadSideEffect(Context& context, const Field& field, TaskDraft& draft) {
  const std::string_view word =
      field.value.is_scalar() ? field.value.text() : std::string_view();
  if (word == "at_most_once") {
    draft.task.set_side_effect(v1::SIDE_EFFECT_AT_MOST_ONCE);
  } else if (word == "at_least_once") {
    draft.task.set_side_effect(v1::SIDE_EFFECT_AT_LEAST_ONCE);
  } else {
    WrongValue(context, field, "at_least_once or at_most_once");
  }
}

// What says which tasks there are at all; declared.cc reads it.
void ReadBefore(Context& /*context*/, const Field& /*field*/,
                TaskDraft& /*draft*/) {}

constexpr KeyReader<TaskDraft> kKeys[] = {
    {"command", ReadCommand},
    {"handler", ReadHandler},
    {"input", ReadInput},
    {"depends_on", ReadDependsOn},
    {"profiles", ReadBefore},
    {"matrix", ReadBefore},
    {"replicas", ReadBefore},
    {"rollout", ReadBefore},
    {"trigger", ReadTrigger},
    {"env", ReadEnv},
    {"env_file", ReadEnvFile},
    {"dir", ReadDir},
    {"timeout", ReadTimeout},
    {"retry", ReadRetry},
    {"restart", ReadRestart},
    {"resources", ReadResources},
    {"host", ReadHost},
    {"priority", ReadPriority},
    {"estimate", ReadEstimate},
    {"allow_failure", ReadAllowFailure},
    {"side_effect", ReadSideEffect},
    {"success_exit_codes", ReadSuccessExitCodes},
    {"limits", ReadLimits},
    {"stop", ReadStop},
    {"ready", ReadReady},
    {"live", ReadLive},
    {"undo", ReadUndo},
};

// Known from design or from other tools' files, and not carried out so far.
constexpr std::string_view kUnserved[] = {
    "build",       "concurrency", "deadline", "environment", "foreach",
    "healthcheck", "image",       "include",  "networks",    "outputs",
    "ports",       "volumes",     "when",
};

}  // namespace

void ReadTaskBody(Context& context, const Field& body, TaskDraft& draft) {
  draft.defaulted_action = draft.has_command || draft.has_handler;
  if (body.value.is_scalar() || body.value.is_list()) {
    return ReadCommand(context, {"command", body.key_at, body.value}, draft);
  }
  if (body.value.is_null()) return;
  ReadMap<TaskDraft>(context, body, kKeys, kUnserved, draft);
  const Value restart = body.value.Get("restart");
  if (restart.is_scalar() || restart.is_map()) {
    const Value retry = body.value.Get("retry");
    if (retry.is_scalar() || retry.is_map()) {
      context.faults.Add(retry.at(),
                         "\"retry\" and \"restart\" exclude each other");
    }
  }
}

void ReadDefaultsBody(Context& context, const Field& body, TaskDraft& draft) {
  ReadMap<TaskDraft>(context, body, kKeys, kUnserved, draft);
  draft.defaulted_edges = true;
  draft.exec_only = {};
  draft.handler_only = {};
}

void FinishTask(Context& context, const Field& body,
                const Draft::Layers& layers, TaskDraft& draft) {
  for (const auto& [name, value] : draft.file_env) {
    draft.exec.mutable_env()->insert({name, value});
  }
  if (!draft.has_command && !draft.has_handler) {
    // A command that is there and wrong has been noted already, and so has a
    // slip in the key.
    bool tried = false;
    for (const Value& layer : layers) {
      tried |= !layer.is_map() && !layer.is_null();
      for (const Entry& entry : layer.Entries()) {
        tried |= EditDistance(entry.key.text(), "command", 2) <= 2 ||
                 EditDistance(entry.key.text(), "handler", 2) <= 2;
      }
    }
    if (!tried) {
      context.faults.Add(body.key_at,
                         fmt::format("\"{}\" has no command", body.name));
    }
    draft.exec.add_argv("true");
    return;
  }
  if (draft.has_command && !draft.handler_only.name.empty()) {
    context.faults.Add(draft.handler_only.key_at,
                       fmt::format("\"{}\" is for handlers; \"{}\" runs a "
                                   "command",
                                   draft.handler_only.name, body.name));
  }
  if (draft.has_handler && !draft.exec_only.name.empty()) {
    context.faults.Add(draft.exec_only.key_at,
                       fmt::format("\"{}\" is for commands; \"{}\" calls a "
                                   "handler",
                                   draft.exec_only.name, body.name));
  }
}

}  // namespace w2t::graphfile
