#include "client/graphfile/declared.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "client/graphfile/task_keys.h"
#include "core/base/absl_view.h"

namespace w2t::graphfile {
namespace {

constexpr int64_t kMaxReplicas = std::numeric_limits<uint32_t>::max();
constexpr char kAllProfiles[] = "*";

void ReadProfiles(Context& context, const Field& field, Shape& shape) {
  std::optional<std::vector<std::string>> profiles;
  if (field.value.is_scalar()) {
    std::optional<std::string> profile = ReadNonEmptyText(context, field);
    if (profile) profiles = {*std::move(profile)};
  } else {
    profiles = ReadTexts(context, field);
  }
  if (!profiles) return;
  shape.profiles = *std::move(profiles);
  const auto& active = context.options.profiles;
  shape.left_out =
      !shape.profiles.empty() &&
      std::none_of(active.begin(), active.end(), [&](const std::string& name) {
        return name == kAllProfiles ||
               std::find(shape.profiles.begin(), shape.profiles.end(), name) !=
                   shape.profiles.end();
      });
}

// False when the tasks would be too many.
bool AddAxis(Context& context, const Field& field, Axis axis, uint64_t count,
             Shape& shape) {
  const uint64_t most = context.options.limits.max_tasks;
  if (count > most / shape.count) {
    context.faults.Add(
        field.at(),
        fmt::format("\"{}\" makes more than {} tasks of one; the limit "
                    "max_tasks is {}",
                    field.name, most, most));
    return false;
  }
  shape.count *= count;
  shape.axes.push_back(std::move(axis));
  return true;
}

void ReadMatrix(Context& context, const Field& field, Shape& shape) {
  VisitEntries(context, field, [&](const Field& entry) {
    if (!IsVariableName(entry.name) || entry.name == kReplica) {
      context.faults.Add(
          entry.key_at,
          fmt::format("\"{}\" cannot name a variable of a matrix", entry.name));
      return;
    }
    std::optional<std::vector<std::string>> values = ReadTexts(context, entry);
    if (!values) return;
    if (values->empty()) {
      return WrongValue(context, entry, "a list of at least one value");
    }
    const uint64_t count = values->size();
    AddAxis(context, entry, {std::string(entry.name), *std::move(values)},
            count, shape);
  });
}

void ReadReplicas(Context& context, const Field& field, Shape& shape) {
  const std::optional<int64_t> replicas =
      ReadInteger(context, field, 1, kMaxReplicas);
  if (!replicas) return;
  // The values are their numbers.
  AddAxis(context, field, {kReplica, {}}, static_cast<uint64_t>(*replicas),
          shape);
}

void ReadMaxParallel(Context& context, const Field& field, Rollout& rollout) {
  const std::optional<int64_t> most =
      ReadInteger(context, field, 1, kMaxReplicas);
  if (most) rollout.max_parallel = static_cast<uint32_t>(*most);
}

void ReadMinReady(Context& context, const Field& field, Rollout& rollout) {
  const std::optional<Enough> enough = ReadEnough(context, field);
  if (!enough) return;
  rollout.min_ready = enough->number;
  rollout.min_ready_percent = enough->percent;
}

constexpr KeyReader<Rollout> kRolloutKeys[] = {
    {"max_parallel", ReadMaxParallel},
    {"min_ready", ReadMinReady},
};

void ReadRollout(Context& context, const Field& field, Shape& shape) {
  shape.rollout.emplace();
  ReadMap<Rollout>(context, field, kRolloutKeys, {}, *shape.rollout);
}

constexpr char kReplicasKey[] = "replicas";

constexpr KeyReader<Shape> kShapeKeys[] = {
    {"profiles", ReadProfiles},
    {"matrix", ReadMatrix},
    {kReplicasKey, ReadReplicas},
    {"rollout", ReadRollout},
};

// The last of the layers that has `key`.
std::optional<std::pair<Field, const Source*>> FindLast(const Layers& defaults,
                                                        const Layers& layers,
                                                        std::string_view key) {
  for (const Layers* all : {&layers, &defaults}) {
    for (size_t i = all->size(); i-- > 0;) {
      const Layer& layer = (*all)[i];
      for (const Entry& entry : layer.body.value.Entries()) {
        if (entry.key.text() != key) continue;
        return {{{key, entry.key.at(), entry.value}, layer.source}};
      }
    }
  }
  return std::nullopt;
}

// The part of an instance's name that a value gives: what a name may hold.
std::string InName(std::string_view value) {
  std::string name;
  for (const char c : value) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                       (c >= '0' && c <= '9') || c == '.' || c == '_';
    name += plain ? c : '_';
  }
  return name;
}

// Calls `visit` with each axis and the value it has in an instance.
template <typename Visit>
void VisitValues(const Shape& shape, uint64_t instance, Visit visit) {
  uint64_t block = shape.count;
  for (const Axis& axis : shape.axes) {
    // Replicas come last, where one block is one instance.
    const uint64_t size = axis.values.empty() ? block : axis.values.size();
    block /= size;
    const uint64_t number = instance / block % size;
    visit(axis,
          axis.values.empty() ? fmt::to_string(number) : axis.values[number]);
  }
}

}  // namespace

Environment VariablesOf(const Shape& shape, uint64_t instance) {
  Environment variables;
  VisitValues(shape, instance, [&](const Axis& axis, const std::string& value) {
    variables[axis.name] = value;
  });
  return variables;
}

std::string NameOf(std::string_view name, const Shape& shape,
                   uint64_t instance) {
  std::string full(name);
  VisitValues(shape, instance, [&](const Axis&, const std::string& value) {
    full += "-" + InName(value);
  });
  return full;
}

void Shapes::Read(Context& context, const Declared& declared,
                  const Layers& defaults) {
  std::optional<Shape> shape;
  for (const KeyReader<Shape>& key : kShapeKeys) {
    const auto found = FindLast(defaults, declared.layers, key.key);
    if (!found || found->first.value.is_null()) continue;
    if (!shape) shape.emplace();
    const auto scaled = context.options.replicas.find(declared.name);
    if (key.key == kReplicasKey && scaled != context.options.replicas.end()) {
      AddAxis(context, found->first, {kReplica, {}}, scaled->second, *shape);
      continue;
    }
    std::unique_ptr<Document> holder;
    key.read(context,
             ExpandValues(context, found->first, found->second->scope(context),
                          holder),
             *shape);
  }
  if (!shape) return;
  if (shape->rollout) CheckRollout(context, declared, *shape);
  const uint64_t most = context.options.limits.max_tasks;
  if (!shape->left_out && total_ <= most) {
    total_ += shape->count;
    if (total_ > most) {
      context.faults.Add(
          declared.layers.back().body.key_at,
          fmt::format("the replicas come to {} tasks; the limit max_tasks is "
                      "{}",
                      total_, most));
    }
  }
  if (total_ > most) shape->count = 1;  // enough to go on reading
  shapes_.insert_or_assign(AbslView(declared.name), *std::move(shape));
}

void Shapes::CheckRollout(Context& context, const Declared& declared,
                          Shape& shape) {
  Rollout& rollout = *shape.rollout;
  if (declared.kind != v1::TASK_KIND_SERVICE) {
    return context.faults.Add(
        declared.layers.back().body.key_at,
        fmt::format("\"rollout\" is for services; \"{}\" is a task",
                    declared.name));
  }
  if (rollout.min_ready_percent > 0) {
    rollout.min_ready = static_cast<uint32_t>(
        (shape.count * rollout.min_ready_percent + 99) / 100);
  }
  // A single one cannot be changed without being down for a moment.
  if (rollout.min_ready >= shape.count && shape.count > 1) {
    context.faults.Add(
        declared.layers.back().body.key_at,
        fmt::format("\"min_ready\" of \"{}\" is {} of its {} replicas, which "
                    "leaves none to be changed",
                    declared.name, rollout.min_ready, shape.count));
  }
}

void Shapes::CheckScales(Context& context) const {
  for (const auto& [name, count] : context.options.replicas) {
    const Shape* shape = Find(name);
    const bool scaled = shape != nullptr && !shape->axes.empty() &&
                        shape->axes.back().name == kReplica;
    if (scaled) continue;
    context.faults.Add(
        {}, fmt::format("\"{}\" cannot have {} replicas: the file says "
                        "`replicas` of no task of this name",
                        name, count));
  }
}

void Shapes::NoteUnknownProfiles(Context& context) const {
  if (context.options.profiles.empty()) return;
  absl::flat_hash_set<std::string> known = {kAllProfiles};
  for (const auto& [name, shape] : shapes_) {
    known.insert(shape.profiles.begin(), shape.profiles.end());
  }
  for (const std::string& profile : context.options.profiles) {
    if (known.contains(profile)) continue;
    context.notes.push_back(
        fmt::format("no task has the profile \"{}\"", profile));
  }
}

const Shape* Shapes::Find(std::string_view name) const {
  const auto it = shapes_.find(AbslView(name));
  return it == shapes_.end() ? nullptr : &it->second;
}

void Shapes::Resolve(Context& context, TaskDraft& draft) const {
  const bool any = std::any_of(
      draft.edges.begin(), draft.edges.end(), [&](const EdgeDraft& edge) {
        return edge.enough > 0 || edge.enough_percent > 0 ||
               Find(edge.dependency.task()) != nullptr;
      });
  if (!any) return;
  for (EdgeDraft& edge : std::exchange(draft.edges, {})) {
    ResolveEdge(context, std::move(edge), draft);
  }
}

void Shapes::ResolveEdge(Context& context, EdgeDraft edge,
                         TaskDraft& draft) const {
  const std::string name = edge.dependency.task();
  const Shape* shape = Find(name);
  if (shape != nullptr && shape->left_out) {
    if (!edge.required) return;
    return context.faults.Add(
        edge.at,
        fmt::format("\"{}\" depends on \"{}\", which is left out; it is there "
                    "with --profile {}, or say \"required: false\"",
                    draft.task.name(), name,
                    fmt::join(shape->profiles, " or ")));
  }
  const uint64_t count = shape == nullptr ? 1 : shape->count;
  uint64_t enough = count;
  if (edge.enough > 0) enough = edge.enough;
  if (edge.enough_percent > 0) {
    enough = (count * edge.enough_percent + 99) / 100;
  }
  if (enough > count) {
    context.faults.Add(edge.at,
                       fmt::format("\"{}\" waits for {} of \"{}\", of which "
                                   "there {} {}",
                                   draft.task.name(), enough, name,
                                   count == 1 ? "is" : "are", count));
  } else if (enough < count) {
    draft.task.add_quorums(static_cast<uint32_t>(enough));
    edge.dependency.set_quorum(
        static_cast<uint32_t>(draft.task.quorums_size()));
  }
  if (shape == nullptr || shape->axes.empty()) {
    return draft.edges.push_back(std::move(edge));
  }
  for (uint64_t i = 0; i < count; ++i) {
    if (draft.edges.size() > context.options.limits.max_edges) return;
    edge.dependency.set_task(NameOf(name, *shape, i));
    draft.edges.push_back(edge);
  }
}

}  // namespace w2t::graphfile
