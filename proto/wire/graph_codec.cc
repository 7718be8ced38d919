#include "proto/wire/graph_codec.h"

#include <fmt/format.h>
#include <google/protobuf/arena.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <algorithm>
#include <climits>
#include <cstdint>

#include "proto/wire/action_fields.h"
#include "proto/wire/field.h"
#include "proto/wire/graph_fields.h"
#include "proto/wire/unlimited.h"

namespace w2t::wire {
namespace {

// The same bytes for the same graph, whatever the order of its maps: a repeated
// request is told by them.
std::string Encode(const v1::Graph& graph) {
  std::string encoded;
  encoded.reserve(graph.ByteSizeLong());
  google::protobuf::io::StringOutputStream stream(&encoded);
  google::protobuf::io::CodedOutputStream output(&stream);
  output.SetSerializationDeterministic(true);
  graph.SerializeToCodedStream(&output);
  output.Trim();
  return encoded;
}

std::string Capability(const v1::Action& action) {
  return action.has_handler() ? "handler:" + action.handler().name()
                              : kExecCapability;
}

std::vector<v1::Action> CopyActions(const v1::Graph& graph) {
  return {graph.actions().begin(), graph.actions().end()};
}

class GraphDecoder {
 public:
  GraphDecoder(const v1::Graph& message, const Limits& limits, GraphUse use)
      : message_(message),
        use_(use),
        limits_(limits),
        check_(limits, &faults_),
        graph_(message.name().empty() ? "run" : message.name()) {}

  // Restoring passes over the fields of actions: nothing here depends on them.
  DecodedGraph Decode(bool restoring) {
    if (!CheckSizes()) return {nullptr, nullptr, std::move(faults_)};
    CheckGraphName(message_, root_, &check_);
    DecodeOnFailure();
    if (!restoring) CheckActions();
    AddTasks();
    BlueprintOr built = Blueprint::Build(graph_, limits_);
    if (restoring && !broken_) faults_ = Diagnostics();
    DecodedGraph decoded;
    decoded.faults = Merge(std::move(built.faults));
    if (decoded.faults.empty()) decoded.blueprint = std::move(built.blueprint);
    return decoded;
  }

 private:
  // Nothing else is looked at in a graph that is too large.
  bool CheckSizes() {
    uint64_t edges = 0;
    for (const v1::Task& task : message_.tasks()) {
      edges += static_cast<uint64_t>(task.depends_on_size());
    }
    const auto fits = [&](std::string_view field, std::string_view name,
                          uint64_t limit, uint64_t value) {
      return check_.AtMost(root_.Field(field), name, limit, value);
    };
    const bool tasks = fits("tasks", "max_tasks", limits_.max_tasks,
                            static_cast<uint64_t>(message_.tasks_size()));
    const bool actions = fits("actions", "max_tasks", limits_.max_tasks,
                              static_cast<uint64_t>(message_.actions_size()));
    return tasks && actions &&
           fits("tasks.depends_on", "max_edges", limits_.max_edges, edges);
  }

  void DecodeOnFailure() {
    switch (message_.on_failure()) {
      case v1::ON_FAILURE_UNSPECIFIED:
      case v1::ON_FAILURE_CONTINUE:
        return graph_.SetOnFailure(OnFailure::kContinue);
      case v1::ON_FAILURE_CANCEL:
        return graph_.SetOnFailure(OnFailure::kCancel);
      case v1::ON_FAILURE_UNDO:
        return graph_.SetOnFailure(OnFailure::kUndo);
      default:
        check_.Invalid(root_.Field("on_failure"),
                       fmt::format("{} is no policy",
                                   static_cast<int>(message_.on_failure())));
    }
  }

  void CheckActions() {
    ActionChecker actions(&check_);
    for (int i = 0; i < message_.actions_size(); ++i) {
      actions.Check(message_.actions(i), root_.Entry("actions", i));
    }
  }

  void AddTasks() {
    default_demands_.assign(2 * static_cast<size_t>(message_.actions_size()),
                            kNoDemand);
    graph_.Reserve(static_cast<size_t>(message_.tasks_size()));
    for (int i = 0; i < message_.tasks_size(); ++i) {
      const v1::Task& task = message_.tasks(i);
      const FieldPath path = root_.Entry("tasks", i);
      check_.SetTask(static_cast<uint32_t>(i), task.name());
      TaskSpec spec = DecodeTask(task, path, &check_);
      if (task.removed() && use_ != GraphUse::kRevision) {
        check_.Invalid(path.Field("removed"), "is only for the daemon to set");
      }
      if (task.has_retry()) {
        spec.retry = graph_.AddRetry(
            DecodeRetry(task.retry(), path.Field("retry"), &check_));
      }
      if (task.action() >= static_cast<uint32_t>(message_.actions_size())) {
        broken_ = true;
        check_.Invalid(path.Field("action"),
                       fmt::format("{} is no index into the {} actions",
                                   task.action(), message_.actions_size()));
      } else {
        spec.has_probe = message_.actions(task.action()).has_ready();
        spec.demand = DemandOf(task, spec.kind, path);
      }
      graph_.Add(std::move(spec));
    }
  }

  uint32_t DemandOf(const v1::Task& task, TaskKind kind,
                    const FieldPath& path) {
    const bool is_default =
        task.resources_size() == 0 && !task.resources_set() && !task.has_host();
    if (!is_default) return graph_.AddDemand(MakeDemand(task, kind, path));
    const bool service = kind == TaskKind::kService;
    uint32_t& number = default_demands_[2 * task.action() + (service ? 1 : 0)];
    if (number == kNoDemand) {
      number = graph_.AddDemand(MakeDemand(task, kind, path));
    }
    return number;
  }

  Demand MakeDemand(const v1::Task& task, TaskKind kind,
                    const FieldPath& path) {
    Demand demand;
    demand.capability = Capability(message_.actions(task.action()));
    if (task.resources_size() > 0 || task.resources_set()) {
      demand.resources = DecodeResources(task.resources(), path, &check_);
    } else if (kind == TaskKind::kService) {
      demand.resources.clear();
    }
    if (task.has_host()) {
      const FieldPath host = path.Field("host");
      if (check_.Label(host.Field("worker"), task.host().worker())) {
        demand.worker = task.host().worker();
      }
      if (check_.AtMost(host.Field("labels"), "max_labels", limits_.max_labels,
                        task.host().labels().size())) {
        demand.labels = DecodeLabels(task.host().labels(), host, &check_);
      }
    }
    return demand;
  }

  // The faults of fields and those of structure, in the order of the graph.
  Diagnostics Merge(Diagnostics structure) {
    std::vector<Diagnostic> all = faults_.listed();
    all.insert(all.end(), structure.listed().begin(), structure.listed().end());
    std::stable_sort(all.begin(), all.end(),
                     [](const Diagnostic& a, const Diagnostic& b) {
                       return a.task + 1 < b.task + 1;  // those of none first
                     });
    Diagnostics merged;
    const size_t unlisted = faults_.total() + structure.total() - all.size();
    for (Diagnostic& fault : all) merged.Add(std::move(fault));
    merged.AddUnlisted(unlisted);
    return merged;
  }

  static constexpr uint32_t kNoDemand = UINT32_MAX;

  const v1::Graph& message_;
  const GraphUse use_;
  const Limits& limits_;
  Diagnostics faults_;
  FieldChecker check_;
  const FieldPath root_ = FieldPath("graph");
  Graph graph_;
  // Of tasks that ask for nothing special, by action and kind.
  std::vector<uint32_t> default_demands_;
  bool broken_ = false;  // beyond what restoring may pass over
};

DecodedGraph ParseFault(std::string_view encoded) {
  DecodedGraph decoded;
  decoded.faults.Add(
      {.code = DiagnosticCode::kInvalidValue,
       .message =
           fmt::format("graph: {} bytes are no w2t.v1.Graph", encoded.size()),
       .field = "graph"});
  return decoded;
}

DecodedGraph Decode(std::string_view encoded, const Limits& limits,
                    bool restoring) {
  google::protobuf::Arena arena;
  v1::Graph& graph = *google::protobuf::Arena::CreateMessage<v1::Graph>(&arena);
  if (encoded.size() > INT_MAX ||
      !graph.ParseFromArray(encoded.data(), static_cast<int>(encoded.size()))) {
    return ParseFault(encoded);
  }
  DecodedGraph decoded =
      GraphDecoder(graph, limits,
                   restoring ? GraphUse::kRevision : GraphUse::kSubmit)
          .Decode(restoring);
  if (decoded.blueprint == nullptr) return decoded;
  decoded.definition = std::make_shared<GraphDefinition>(std::string(encoded),
                                                         CopyActions(graph));
  return decoded;
}

}  // namespace

DecodedGraph DecodeGraph(const v1::Graph& graph, const Limits& limits,
                         GraphUse use) {
  DecodedGraph decoded = GraphDecoder(graph, limits, use).Decode(false);
  if (decoded.blueprint == nullptr) return decoded;
  decoded.definition = std::make_shared<GraphDefinition>(
      Encode(graph),
      std::vector<v1::Action>(graph.actions().begin(), graph.actions().end()));
  return decoded;
}

DecodedGraph DecodeGraph(std::string_view encoded, const Limits& limits) {
  return Decode(encoded, limits, false);
}

DecodedGraph RestoreGraph(std::string_view encoded) {
  return Decode(encoded, Unlimited(), true);
}

}  // namespace w2t::wire
