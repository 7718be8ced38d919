// The keys of a task in our own format, by group; each group has its own file.
// Every reader sets in the draft what the field says, in place of what the
// defaults said, and notes what is wrong.
#ifndef W2T_CLIENT_GRAPHFILE_TASK_KEYS_H_
#define W2T_CLIENT_GRAPHFILE_TASK_KEYS_H_

#include <cstdint>
#include <optional>
#include <string_view>

#include "client/graphfile/draft.h"
#include "client/graphfile/fields.h"

namespace w2t::graphfile {

// All that one file says below a task's name, on top of what was said before: a
// map, or its command alone.
void ReadTaskBody(Context& context, const Field& body, TaskDraft& draft);
// Keys for all tasks of a kind. What they set, each task may set anew; `env` is
// merged.
void ReadDefaultsBody(Context& context, const Field& body, TaskDraft& draft);
// Checks what needs all keys to be read; `layers` are all that was said. A task
// without anything to do gets a stand-in, so that its faults end here.
void FinishTask(Context& context, const Field& body,
                const Draft::Layers& layers, TaskDraft& draft);

// command_keys.cc
// Remembers a key that only a command takes.
void NoteExecOnly(const Field& field, TaskDraft& draft);
void ReadCommand(Context& context, const Field& field, TaskDraft& draft);
void ReadHandler(Context& context, const Field& field, TaskDraft& draft);
void ReadInput(Context& context, const Field& field, TaskDraft& draft);
void ReadEnv(Context& context, const Field& field, TaskDraft& draft);
void ReadEnvFile(Context& context, const Field& field, TaskDraft& draft);
void ReadDir(Context& context, const Field& field, TaskDraft& draft);
void ReadSuccessExitCodes(Context& context, const Field& field,
                          TaskDraft& draft);

// edge_keys.cc
void ReadDependsOn(Context& context, const Field& field, TaskDraft& draft);
void ReadTrigger(Context& context, const Field& field, TaskDraft& draft);
// A condition in our words or another tool's; null when it is none.
std::optional<v1::Condition> ParseCondition(std::string_view word);
// The same for a field; notes what is wrong.
std::optional<v1::Condition> ReadCondition(Context& context,
                                           const Field& field);
// What one edge says, in our files and in other tools'.
void ReadEdgeCondition(Context& context, const Field& field, EdgeDraft& edge);
void ReadEdgeRequired(Context& context, const Field& field, EdgeDraft& edge);
void ReadEdgeRestart(Context& context, const Field& field, EdgeDraft& edge);

// How many of some replicas: a number, or a part of them.
struct Enough {
  uint32_t number = 0;   // 0: as a part
  uint32_t percent = 0;  // 0: as a number
};
std::optional<Enough> ReadEnough(Context& context, const Field& field);

// policy_keys.cc
void ReadRestart(Context& context, const Field& field, TaskDraft& draft);
void ReadRetry(Context& context, const Field& field, TaskDraft& draft);
void ReadResources(Context& context, const Field& field, TaskDraft& draft);
void ReadLimits(Context& context, const Field& field, TaskDraft& draft);
void ReadHost(Context& context, const Field& field, TaskDraft& draft);

// probe_keys.cc
void ReadReady(Context& context, const Field& field, TaskDraft& draft);
void ReadLive(Context& context, const Field& field, TaskDraft& draft);

// undo_keys.cc
inline constexpr std::string_view kUndoSuffix = ".undo";
void ReadUndo(Context& context, const Field& field, TaskDraft& draft);
// The task that undoes a finished one which says how: on the same hosts, in the
// same directory and environment, unless it says otherwise.
TaskDraft TakeUndo(TaskDraft& draft);

// stop_keys.cc
void ReadStop(Context& context, const Field& field, TaskDraft& draft);
// The number of a signal, given as one or by name.
std::optional<uint32_t> ReadSignal(Context& context, const Field& field);

}  // namespace w2t::graphfile

#endif  // W2T_CLIENT_GRAPHFILE_TASK_KEYS_H_
