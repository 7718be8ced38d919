// Our own format: the top level, and its sections of tasks.
#include <fmt/format.h>

#include <string_view>
#include <utility>

#include "client/graphfile/formats.h"
#include "client/graphfile/task_keys.h"

namespace w2t::graphfile {
namespace {

// What the defaults of one kind of task come to.
struct Defaults {
  TaskDraft draft;
  Value body;
};

struct GraphReader {
  Draft& draft;
  Defaults task;
  Defaults service;
};

void ReadName(Context& context, const Field& field, GraphReader& reader) {
  std::optional<std::string> name = ReadNonEmptyText(context, field);
  if (name) reader.draft.graph().set_name(*std::move(name));
}

void ReadSection(Context& context, const Field& section,
                 const Defaults& defaults, v1::TaskKind kind, Draft& draft) {
  if (section.value.is_null()) return;
  VisitEntries(context, section, [&](const Field& body) {
    TaskDraft task = defaults.draft;
    task.task.set_name(std::string(body.name));
    task.task.set_kind(kind);
    ReadTaskBody(context, body, task);
    FinishTask(context, body, task);
    draft.Add(std::move(task), body, defaults.body);
  });
}

void ReadTasks(Context& context, const Field& field, GraphReader& reader) {
  ReadSection(context, field, reader.task, v1::TASK_KIND_TASK, reader.draft);
}

void ReadServices(Context& context, const Field& field, GraphReader& reader) {
  ReadSection(context, field, reader.service, v1::TASK_KIND_SERVICE,
              reader.draft);
}

// Done before the rest is read.
void SkipDefaults(Context& /*context*/, const Field& /*field*/,
                  GraphReader& /*reader*/) {}

constexpr KeyReader<GraphReader> kKeys[] = {
    {"name", ReadName},
    {"tasks", ReadTasks},
    {"services", ReadServices},
    {"defaults", SkipDefaults},
};
constexpr std::string_view kUnserved[] = {
    "concurrency", "deadline", "env",        "env_file", "include",
    "matrix",      "networks", "on_failure", "profiles", "secrets",
    "undo",        "version",  "volumes",
};

void ReadTaskDefaults(Context& context, const Field& field,
                      GraphReader& reader) {
  reader.task.body = field.value;
  ReadDefaultsBody(context, field, reader.task.draft);
}

void ReadServiceDefaults(Context& context, const Field& field,
                         GraphReader& reader) {
  reader.service.body = field.value;
  ReadDefaultsBody(context, field, reader.service.draft);
}

// The first key by which a service asks for a container image, or an absent
// one.
Entry FindImage(const Value& root) {
  for (const Entry& service : root.Get("services").Entries()) {
    for (const Entry& entry : service.value.Entries()) {
      if (entry.key.text() == "image" || entry.key.text() == "build") {
        return entry;
      }
    }
  }
  return {};
}

constexpr KeyReader<GraphReader> kDefaultsKeys[] = {
    {"tasks", ReadTaskDefaults},
    {"services", ReadServiceDefaults},
};

}  // namespace

void ReadGraphFormat(Context& context, const Value& root, Draft& draft) {
  const Entry image = FindImage(root);
  if (image.key.is_scalar()) {
    // One fault says more than one for each of its keys.
    context.faults.Add(
        image.key.at(),
        fmt::format("key \"{}\" is not served yet; this looks like a "
                    "docker-compose file",
                    image.key.text()));
    return;
  }
  GraphReader reader{draft, {}, {}};
  for (const Entry& entry : root.Entries()) {
    if (entry.key.text() != "defaults") continue;
    ReadMap<GraphReader>(context, {"defaults", entry.key.at(), entry.value},
                         kDefaultsKeys, {}, reader);
    break;
  }
  ReadMap<GraphReader>(context, {"graph file", root.at(), root}, kKeys,
                       kUnserved, reader);
}

}  // namespace w2t::graphfile
