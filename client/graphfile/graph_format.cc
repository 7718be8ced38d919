// Our own format: the top level, and its sections of tasks.
#include <fmt/format.h>

#include <string_view>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "client/graphfile/formats.h"
#include "client/graphfile/task_keys.h"

namespace w2t::graphfile {
namespace {

// What one file says of a task.
struct Layer {
  Field body;
  const Source* source;
};

// What the defaults of one kind of task come to.
struct Defaults {
  TaskDraft draft;
  Draft::Layers bodies;
};

// A task, and all that is said of it.
struct Declared {
  std::string_view name;
  v1::TaskKind kind;
  absl::InlinedVector<Layer, 1> layers;
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
  // Values with their variables put in, which defaults go on pointing to.
  std::vector<std::unique_ptr<Document>> kept;
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
        {kind, absl::string_view(body.name.data(), body.name.size())},
        reader.declared.size());
    if (!fresh) return reader.declared[it->second].layers.push_back(layer);
  }
  reader.declared.push_back({body.name, kind, {layer}});
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
    {"include", Skip},
    {"env_file", Skip},
    {"tasks", ReadSection<v1::TASK_KIND_TASK>},
    {"services", ReadSection<v1::TASK_KIND_SERVICE>},
    {"defaults", Skip},
};
constexpr std::string_view kUnserved[] = {
    "concurrency", "deadline", "env",  "matrix",  "networks", "on_failure",
    "profiles",    "secrets",  "undo", "version", "volumes",
};

template <Defaults GraphReader::*kOf>
void ReadDefaults(Context& context, const Field& field, GraphReader& reader) {
  Defaults& defaults = reader.*kOf;
  defaults.bodies.push_back(field.value);
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

// A docker-compose file: one fault says more than one for each of its keys.
bool LooksLikeCompose(Context& context, const Value& root) {
  const Entry image = FindImage(root);
  if (!image.key.is_scalar()) return false;
  context.faults.Add(
      image.key.at(),
      fmt::format("key \"{}\" is not served yet; this looks like a "
                  "docker-compose file",
                  image.key.text()));
  return true;
}

void ReadTask(Context& context, const Declared& declared, GraphReader& reader) {
  const Defaults& defaults =
      declared.kind == v1::TASK_KIND_TASK ? reader.task : reader.service;
  TaskDraft task = defaults.draft;
  task.task.set_name(std::string(declared.name));
  task.task.set_kind(declared.kind);
  Draft::Layers layers = defaults.bodies;
  std::vector<std::unique_ptr<Document>> holders(declared.layers.size());
  for (size_t i = 0; i < declared.layers.size(); ++i) {
    const Layer& layer = declared.layers[i];
    layers.push_back(layer.body.value);
    ReadTaskBody(context,
                 ExpandTask(context, layer.body, layer.source->scope(context),
                            holders[i]),
                 task);
  }
  const Field& body = declared.layers.front().body;
  FinishTask(context, body, layers, task);
  reader.draft.Add(std::move(task), body.key_at, std::move(layers));
}

}  // namespace

void ReadGraphFormat(Context& context, absl::Span<const Source> sources,
                     Draft& draft) {
  GraphReader reader{.draft = draft, .merges = sources.size() > 1};
  for (const Source& source : sources) {
    const Value root = source.root();
    if (LooksLikeCompose(context, root)) return;
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
  for (const Declared& declared : reader.declared) {
    ReadTask(context, declared, reader);
  }
}

}  // namespace w2t::graphfile
