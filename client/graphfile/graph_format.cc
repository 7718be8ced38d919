// Our own format: the top level, and its sections of tasks.
#include <fmt/format.h>

#include <string_view>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "client/graphfile/declared.h"
#include "client/graphfile/formats.h"
#include "client/graphfile/task_keys.h"
#include "core/base/absl_view.h"

namespace w2t::graphfile {
namespace {

// What the defaults of one kind of task come to.
struct Defaults {
  TaskDraft draft;
  Layers layers;
};

struct GraphReader {
  Draft& draft;
  const Source* source = nullptr;  // that is being read
  Defaults task;
  Defaults service;
  std::vector<Declared> declared;
  // Of `declared`, by kind and name; only when there are several files.
  bool merges = false;
  absl::flat_hash_map<std::pair<v1::TaskKind, absl::string_view>, size_t> known;
  // What undoes tasks; they come last, so that replicas lie beside each other.
  struct Undo {
    TaskDraft task;
    Draft::Layers layers;
  };
  std::vector<Undo> undos;
  // Values with their variables put in, which defaults go on pointing to.
  std::vector<std::unique_ptr<Document>> kept;

  const Defaults& defaults(v1::TaskKind kind) const {
    return kind == v1::TASK_KIND_TASK ? task : service;
  }
};

Field Expanded(Context& context, const Field& field, GraphReader& reader) {
  std::unique_ptr<Document> holder;
  const Field expanded =
      ExpandValues(context, field, reader.source->scope(context), holder);
  if (holder != nullptr) reader.kept.push_back(std::move(holder));
  return expanded;
}

void ReadName(Context& context, const Field& field, GraphReader& reader) {
  std::optional<std::string> name =
      ReadNonEmptyText(context, Expanded(context, field, reader));
  if (name) reader.draft.graph().set_name(*std::move(name));
}

void Declare(const Field& body, v1::TaskKind kind, GraphReader& reader) {
  const Layer layer{body, reader.source};
  if (reader.merges) {
    const auto [it, fresh] = reader.known.try_emplace(
        {kind, AbslView(body.name)}, reader.declared.size());
    if (!fresh) return reader.declared[it->second].layers.push_back(layer);
  }
  reader.declared.push_back({body.name, kind, {layer}});
}

void ReadOnFailure(Context& context, const Field& field, GraphReader& reader) {
  const Field expanded = Expanded(context, field, reader);
  const std::string_view word =
      expanded.value.is_scalar() ? expanded.value.text() : std::string_view();
  v1::Graph& graph = reader.draft.graph();
  if (word == "continue") {
    graph.set_on_failure(v1::ON_FAILURE_CONTINUE);
  } else if (word == "cancel") {
    graph.set_on_failure(v1::ON_FAILURE_CANCEL);
  } else if (word == "undo") {
    graph.set_on_failure(v1::ON_FAILURE_UNDO);
  } else {
    WrongValue(context, expanded, "continue, cancel or undo");
  }
}

template <v1::TaskKind kKind>
void ReadSection(Context& context, const Field& section, GraphReader& reader) {
  if (section.value.is_null()) return;
  VisitEntries(context, section,
               [&](const Field& body) { Declare(body, kKind, reader); });
}

// Done before the rest is read.
void Skip(Context& /*context*/, const Field& /*field*/,
          GraphReader& /*reader*/) {}

constexpr KeyReader<GraphReader> kKeys[] = {
    {"name", ReadName},
    {"on_failure", ReadOnFailure},
    {"include", Skip},
    {"env_file", Skip},
    {"tasks", ReadSection<v1::TASK_KIND_TASK>},
    {"services", ReadSection<v1::TASK_KIND_SERVICE>},
    {"defaults", Skip},
};
constexpr std::string_view kUnserved[] = {
    "matrix",   "profiles", "concurrency", "deadline", "env",
    "networks", "secrets",  "undo",        "version",  "volumes",
};

template <Defaults GraphReader::*kOf>
void ReadDefaults(Context& context, const Field& field, GraphReader& reader) {
  Defaults& defaults = reader.*kOf;
  defaults.layers.push_back({field, reader.source});
  std::unique_ptr<Document> holder;
  ReadDefaultsBody(
      context,
      ExpandTask(context, field, reader.source->scope(context), holder),
      defaults.draft);
  if (holder != nullptr) reader.kept.push_back(std::move(holder));
}

constexpr KeyReader<GraphReader> kDefaultsKeys[] = {
    {"tasks", ReadDefaults<&GraphReader::task>},
    {"services", ReadDefaults<&GraphReader::service>},
};

// What the layers of a task say of what undoes it.
Draft::Layers UndosOf(const Draft::Layers& layers) {
  Draft::Layers undos;
  for (const Value& layer : layers) {
    for (const Entry& entry : layer.Entries()) {
      if (entry.key.text() == "undo") undos.push_back(entry.value);
    }
  }
  return undos;
}

// Reads one of the tasks that `declared` makes, whose own variables are `own`.
void ReadInstance(Context& context, const Declared& declared, std::string name,
                  const Environment& own, const Shapes& shapes,
                  GraphReader& reader) {
  const Defaults& defaults = reader.defaults(declared.kind);
  TaskDraft task = defaults.draft;
  task.task.set_name(std::move(name));
  task.task.set_kind(declared.kind);
  Draft::Layers layers;
  for (const Layer& layer : defaults.layers) layers.push_back(layer.body.value);
  std::vector<std::unique_ptr<Document>> holders(declared.layers.size());
  for (size_t i = 0; i < declared.layers.size(); ++i) {
    const Layer& layer = declared.layers[i];
    layers.push_back(layer.body.value);
    Scope scope = layer.source->scope(context);
    scope.own = &own;
    ReadTaskBody(context, ExpandTask(context, layer.body, scope, holders[i]),
                 task);
  }
  const auto replica = own.find(kReplica);
  if (replica != own.end()) {
    (*task.exec.mutable_env())[kReplicaVariable] = replica->second;
  }
  const Field& body = declared.layers.front().body;
  FinishTask(context, body, layers, task);
  shapes.Resolve(context, task);
  if (task.undo != nullptr) {
    reader.undos.push_back({TakeUndo(task), UndosOf(layers)});
  }
  reader.draft.Add(std::move(task), body.key_at, std::move(layers));
}

// Whether what is said of a task can be read as often as it has instances.
bool FitsOften(Context& context, const Declared& declared, uint64_t count) {
  const uint64_t most = DocumentLimits().max_nodes;
  uint64_t weight = 0;
  for (const Layer& layer : declared.layers) {
    weight += layer.body.value.Weight();
  }
  if (weight <= most / count) return true;
  context.faults.Add(
      declared.layers.back().body.key_at,
      fmt::format("\"{}\" comes to more than {} values with all its replicas; "
                  "the limit max_nodes is {}",
                  declared.name, most, most));
  return false;
}

void ReadTask(Context& context, const Declared& declared, const Shapes& shapes,
              GraphReader& reader) {
  const std::string name(declared.name);
  const Shape* shape = shapes.Find(name);
  if (shape == nullptr) {
    return ReadInstance(context, declared, name, {}, shapes, reader);
  }
  if (shape->left_out) return reader.draft.LeaveOut(name, shape->profiles);
  if (!FitsOften(context, declared, shape->count)) return;
  if (!shape->axes.empty()) reader.draft.BeginGroup(name, shape->count);
  if (shape->rollout) {
    Rollout& rollout = reader.draft.rollouts().emplace_back(*shape->rollout);
    for (uint64_t i = 0; i < shape->count; ++i) {
      rollout.tasks.push_back(NameOf(name, *shape, i));
    }
  }
  for (uint64_t i = 0; i < shape->count; ++i) {
    ReadInstance(context, declared, NameOf(name, *shape, i),
                 VariablesOf(*shape, i), shapes, reader);
    if (reader.draft.full()) return;
  }
}

}  // namespace

void ReadGraphFormat(Context& context, absl::Span<const Source> sources,
                     Draft& draft) {
  GraphReader reader{.draft = draft, .merges = sources.size() > 1};
  // Some keys are only for one kind.
  reader.service.draft.task.set_kind(v1::TASK_KIND_SERVICE);
  for (const Source& source : sources) {
    const Value root = source.root();
    reader.source = &source;
    for (const Entry& entry : root.Entries()) {
      if (entry.key.text() != "defaults") continue;
      ReadMap<GraphReader>(context, {"defaults", entry.key.at(), entry.value},
                           kDefaultsKeys, {}, reader);
      break;
    }
  }
  for (const Source& source : sources) {
    const Value root = source.root();
    reader.source = &source;
    ReadMap<GraphReader>(context, {"graph file", root.at(), root}, kKeys,
                         kUnserved, reader);
  }
  Shapes shapes;
  for (const Declared& declared : reader.declared) {
    shapes.Read(context, declared, reader.defaults(declared.kind).layers);
  }
  shapes.NoteUnknownProfiles(context);
  shapes.CheckScales(context);
  for (const Declared& declared : reader.declared) {
    ReadTask(context, declared, shapes, reader);
    if (draft.full()) return;
  }
  if (!reader.undos.empty() &&
      draft.graph().on_failure() != v1::ON_FAILURE_UNDO) {
    context.notes.push_back(fmt::format(
        "\"undo\" of {} is not used: the file does not say \"on_failure: "
        "undo\"",
        reader.undos.front().task.task.undo_of()));
  }
  for (GraphReader::Undo& undo : reader.undos) {
    const Position at = undo.task.undo_at;
    draft.Add(std::move(undo.task), at, std::move(undo.layers));
  }
}

}  // namespace w2t::graphfile
