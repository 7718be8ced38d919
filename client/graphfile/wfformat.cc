// WfFormat traces: each task lasts as long as it did when it was recorded.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/string_view.h"
#include "client/graphfile/formats.h"
#include "client/graphfile/scalars.h"
#include "core/base/absl_view.h"

namespace w2t::graphfile {
namespace {

constexpr double kLongestSeconds = 36'000'000;
constexpr size_t kMaxContradictions = 10;

// One task of workflow.specification.
struct Traced {
  Field body;  // its name is the task's
  std::vector<Value> parents;
  std::vector<Value> children;
};

class TraceReader {
 public:
  TraceReader(Context& context, Draft& draft)
      : context_(context), draft_(draft) {}

  void Read(const Value& root) {
    if (!CheckVersion(root)) return;
    const Value workflow = Section(root, root.at(), "workflow");
    const Value specification =
        Section(workflow, workflow.at(), "specification");
    const Value execution = Section(workflow, workflow.at(), "execution");
    ReadTop(root, workflow);
    ReadExecution(execution);
    ReadSpecification(specification);
    AddTasks();
    AddNotes();
  }

 private:
  bool CheckVersion(const Value& root) {
    const Value version = root.Get("schemaVersion");
    if (version.text() == "1.4" || version.text() == "1.5") return true;
    WrongValue(context_, {"schemaVersion", root.at(), version},
               "\"1.4\" or \"1.5\"");
    return false;
  }

  // Notes it when there is no such map.
  Value Section(const Value& parent, Position at, std::string_view key) {
    const Value section = parent.Get(key);
    if (!section.is_map() && parent.is_map()) {
      WrongValue(context_, {key, at, section}, "a map");
    }
    return section;
  }

  void ReadTop(const Value& root, const Value& workflow) {
    for (const Entry& entry : root.Entries()) {
      const std::string_view key = entry.key.text();
      if (key == "name") SetName(entry.value.text());
      if (key != "name" && key != "schemaVersion" && key != "workflow") {
        dropped_.emplace(key);
      }
    }
    DropOthers(workflow, "workflow", {"specification", "execution"});
  }

  // Names of runs have fewer letters than those of traces.
  void SetName(std::string_view recorded) {
    const std::string_view plain =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    std::string name;
    if (recorded.ends_with(".json")) recorded.remove_suffix(5);
    for (const char c :
         recorded.substr(0, context_.options.limits.max_name_bytes)) {
      name += plain.find(c) == std::string_view::npos ? '-' : c;
    }
    draft_.graph().set_name(name);
  }

  void DropOthers(const Value& map, std::string_view path,
                  std::initializer_list<std::string_view> known) {
    for (const Entry& entry : map.Entries()) {
      const std::string_view key = entry.key.text();
      bool is_known = false;
      for (const std::string_view name : known) is_known |= name == key;
      if (!is_known) dropped_.insert(fmt::format("{}.{}", path, key));
    }
  }

  void ReadExecution(const Value& execution) {
    DropOthers(execution, "workflow.execution", {"tasks"});
    if (!execution.is_map()) return;
    const Value tasks = execution.Get("tasks");
    if (!tasks.is_list()) {
      WrongValue(context_, {"tasks", execution.at(), tasks}, "a list");
    }
    for (const Value& task : tasks.Items()) {
      DropOthers(task, "workflow.execution.tasks", {"id", "runtimeInSeconds"});
      const std::optional<std::string_view> id = ReadId(task);
      if (!id) continue;
      const Field runtime{"runtimeInSeconds", task.at(),
                          task.Get("runtimeInSeconds")};
      const std::optional<double> seconds = ReadRuntime(runtime);
      if (!seconds) {
        // Noted; it must not be missed as well.
        runtimes_.try_emplace(AbslView(*id), 0);
      } else if (!runtimes_.try_emplace(AbslView(*id), *seconds).second) {
        context_.faults.Add(task.at(),
                            fmt::format("task \"{}\" was executed twice", *id));
      }
    }
  }

  std::optional<double> ReadRuntime(const Field& field) {
    std::optional<double> seconds;
    if (field.value.is_scalar() && !field.value.quoted()) {
      seconds = ParseReal(field.value.text());
    }
    if (seconds && *seconds >= 0 && *seconds <= kLongestSeconds) {
      return seconds;
    }
    WrongValue(
        context_, field,
        fmt::format("a number of seconds from 0 to {}", kLongestSeconds));
    return std::nullopt;
  }

  std::optional<std::string_view> ReadId(const Value& task) {
    if (!task.is_map()) {
      WrongValue(context_, {"tasks", task.at(), task}, "a list of maps");
      return std::nullopt;
    }
    const Value id = task.Get("id");
    if (id.is_scalar() && !id.text().empty()) return id.text();
    context_.faults.Add(task.at(), "a task has no \"id\"");
    return std::nullopt;
  }

  void ReadSpecification(const Value& specification) {
    DropOthers(specification, "workflow.specification", {"tasks"});
    if (!specification.is_map()) return;
    const Value tasks = specification.Get("tasks");
    if (!tasks.is_list()) {
      WrongValue(context_, {"tasks", specification.at(), tasks}, "a list");
    }
    for (const Value& task : tasks.Items()) {
      DropOthers(task, "workflow.specification.tasks",
                 {"id", "name", "parents", "children"});
      const std::optional<std::string_view> id = ReadId(task);
      if (!id) continue;
      traced_.push_back({.body = {*id, task.Get("id").at(), task},
                         .parents = ReadNames(task, "parents"),
                         .children = ReadNames(task, "children")});
    }
  }

  std::vector<Value> ReadNames(const Value& task, std::string_view key) {
    const Value list = task.Get(key);
    if (list.is_null()) return {};
    if (!list.is_list()) {
      WrongValue(context_, {key, task.at(), list}, "a list");
    }
    std::vector<Value> names;
    for (const Value& name : list.Items()) {
      if (name.is_scalar()) {
        names.push_back(name);
      } else {
        WrongValue(context_, {key, task.at(), name}, "a list of names");
      }
    }
    return names;
  }

  // Parents and children say the same thing twice, or ought to.
  std::vector<std::vector<EdgeDraft>> JoinEdges() {
    absl::flat_hash_map<absl::string_view, size_t> index;
    for (size_t i = 0; i < traced_.size(); ++i) {
      index.try_emplace(AbslView(traced_[i].body.name), i);
    }
    std::vector<std::vector<EdgeDraft>> edges(traced_.size());
    std::vector<absl::flat_hash_set<absl::string_view>> parents(traced_.size());
    for (size_t i = 0; i < traced_.size(); ++i) {
      for (const Value& parent : traced_[i].parents) {
        parents[i].insert(AbslView(parent.text()));
        AddEdge(parent.text(), parent.at(), edges[i]);
      }
    }
    for (const Traced& task : traced_) {
      for (const Value& child : task.children) {
        const auto it = index.find(AbslView(child.text()));
        if (it == index.end()) {
          context_.faults.Add(
              child.at(), fmt::format("task \"{}\" has the child \"{}\"; there "
                                      "is no such task",
                                      task.body.name, child.text()));
        } else if (parents[it->second]
                       .insert(AbslView(task.body.name))
                       .second) {
          AddEdge(task.body.name, child.at(), edges[it->second]);
          Contradiction(
              fmt::format("\"{}\" has the child \"{}\", which does "
                          "not have it as a parent",
                          task.body.name, child.text()));
        }
      }
    }
    NoteMissingChildren(index);
    return edges;
  }

  void NoteMissingChildren(
      const absl::flat_hash_map<absl::string_view, size_t>& index) {
    std::vector<absl::flat_hash_set<absl::string_view>> children(
        traced_.size());
    for (size_t i = 0; i < traced_.size(); ++i) {
      for (const Value& child : traced_[i].children) {
        children[i].insert(AbslView(child.text()));
      }
    }
    for (const Traced& task : traced_) {
      // A trace without this list says nothing that could differ.
      for (const Value& parent : task.parents) {
        const auto it = index.find(AbslView(parent.text()));
        if (it == index.end() ||
            traced_[it->second].body.value.Get("children").is_null() ||
            children[it->second].contains(AbslView(task.body.name))) {
          continue;
        }
        Contradiction(
            fmt::format("\"{}\" has the parent \"{}\", which does "
                        "not have it as a child",
                        task.body.name, parent.text()));
      }
    }
  }

  static void AddEdge(std::string_view parent, Position at,
                      std::vector<EdgeDraft>& edges) {
    EdgeDraft& edge = edges.emplace_back();
    edge.at = at;
    edge.dependency.set_task(std::string(parent));
    edge.dependency.set_condition(v1::CONDITION_SUCCEEDED);
  }

  void Contradiction(std::string what) {
    if (++contradictions_ <= kMaxContradictions) {
      context_.notes.push_back(what + "; taken as a dependency");
    }
  }

  void AddTasks() {
    std::vector<std::vector<EdgeDraft>> edges = JoinEdges();
    for (size_t i = 0; i < traced_.size(); ++i) {
      const Field& body = traced_[i].body;
      const auto it = runtimes_.find(AbslView(body.name));
      if (it == runtimes_.end()) {
        context_.faults.Add(
            body.key_at,
            fmt::format("task \"{}\" has no runtimeInSeconds", body.name));
      }
      const double seconds = it == runtimes_.end() ? 0 : it->second;
      TaskDraft task;
      task.task.set_name(std::string(body.name));
      task.edges = std::move(edges[i]);
      SetLength(seconds * context_.options.time_scale, task);
      draft_.Add(std::move(task), body.key_at, {body.value});
    }
  }

  static void SetLength(double seconds, TaskDraft& task) {
    const auto micros = static_cast<int64_t>(
        std::llround(std::min(seconds, kLongestSeconds) * 1'000'000));
    task.exec.add_argv("sleep");
    task.exec.add_argv(
        fmt::format("{}.{:06}", micros / 1'000'000, micros % 1'000'000));
    SetDuration(absl::Microseconds(micros), task.task.mutable_estimate());
  }

  void AddNotes() {
    if (contradictions_ > kMaxContradictions) {
      context_.notes.push_back(
          fmt::format("{} more contradictions between parents and children",
                      contradictions_ - kMaxContradictions));
    }
    if (!dropped_.empty()) {
      context_.notes.push_back(
          fmt::format("not carried over: {}", fmt::join(dropped_, ", ")));
    }
  }

  Context& context_;
  Draft& draft_;
  std::vector<Traced> traced_;
  absl::flat_hash_map<absl::string_view, double> runtimes_;
  std::set<std::string, std::less<>> dropped_;
  size_t contradictions_ = 0;
};

}  // namespace

void ReadWfFormat(Context& context, const Value& root, Draft& draft) {
  const double scale = context.options.time_scale;
  if (!std::isfinite(scale) || scale < 0) {
    context.faults.Add({}, fmt::format("the time scale must be a number of at "
                                       "least 0, not {}",
                                       scale));
    return;
  }
  TraceReader(context, draft).Read(root);
}

}  // namespace w2t::graphfile
