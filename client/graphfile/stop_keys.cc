// How a task is stopped: stop.
#include <utility>

#include "client/graphfile/scalars.h"
#include "client/graphfile/task_keys.h"

namespace w2t::graphfile {
namespace {

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
