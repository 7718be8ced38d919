#include "proto/wire/graph_merge.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <algorithm>
#include <string_view>
#include <tuple>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "core/base/absl_view.h"
#include "proto/wire/task_difference.h"

namespace w2t::wire {
namespace {

constexpr int kMaxFields = 32;

// Equal messages have equal bytes.
template <typename Message>
std::string Bytes(const Message& message) {
  std::string bytes;
  google::protobuf::io::StringOutputStream stream(&bytes);
  google::protobuf::io::CodedOutputStream coded(&stream);
  coded.SetSerializationDeterministic(true);
  message.SerializeToCodedStream(&coded);
  coded.Trim();
  return bytes;
}

// Without the number of its action, and with what may be said in several ways
// said in one.
v1::Task Canonical(const v1::Task& task) {
  v1::Task out = task;
  out.clear_action();
  if (out.kind() == v1::TASK_KIND_UNSPECIFIED) {
    out.set_kind(v1::TASK_KIND_TASK);
  }
  if (out.side_effect() == v1::SIDE_EFFECT_UNSPECIFIED) {
    out.set_side_effect(v1::SIDE_EFFECT_AT_LEAST_ONCE);
  }
  std::stable_sort(
      out.mutable_depends_on()->pointer_begin(),
      out.mutable_depends_on()->pointer_end(),
      [](const v1::Dependency* a, const v1::Dependency* b) {
        return std::forward_as_tuple(a->task(), a->condition(), a->quorum()) <
               std::forward_as_tuple(b->task(), b->condition(), b->quorum());
      });
  std::stable_sort(out.mutable_resources()->pointer_begin(),
                   out.mutable_resources()->pointer_end(),
                   [](const v1::Resource* a, const v1::Resource* b) {
                     return a->name() < b->name();
                   });
  return out;
}

class Merger {
 public:
  Merger(const v1::Graph& running, const v1::Graph& wanted,
         const absl::flat_hash_set<std::string>* only)
      : running_(running), wanted_(wanted), only_(only) {
    merge_.graph = running;
    kinds_.resize(running.tasks_size(), v1::TASK_CHANGE_KIND_UNSPECIFIED);
    for (int i = 0; i < running.tasks_size(); ++i) {
      places_.emplace(AbslView(running.tasks(i).name()), i);
    }
  }

  GraphMerge Merge() {
    std::vector<bool> met(running_.tasks_size());
    for (int i = 0; i < wanted_.tasks_size(); ++i) {
      const auto place = places_.find(AbslView(wanted_.tasks(i).name()));
      if (place != places_.end()) met[place->second] = true;
      if (!Takes(wanted_.tasks(i).name())) continue;
      if (place == places_.end()) {
        Put(i, merge_.graph.tasks_size(), v1::TASK_CHANGE_KIND_ADDED);
      } else if (running_.tasks(place->second).removed()) {
        Put(i, place->second, v1::TASK_CHANGE_KIND_ADDED);
      } else {
        Compare(i, place->second);
      }
    }
    for (int i = 0; i < running_.tasks_size(); ++i) {
      const v1::Task& task = running_.tasks(i);
      if (!met[i] && !task.removed() && Takes(task.name())) Remove(i);
    }
    if (only_ == nullptr && running_.on_failure() != wanted_.on_failure()) {
      merge_.graph.set_on_failure(wanted_.on_failure());
      merge_.on_failure = true;
    }
    return Finish();
  }

 private:
  bool Takes(const std::string& name) const {
    return only_ == nullptr || only_->contains(name);
  }

  void Compare(int wanted, int place) {
    const TaskDefinition was = DefinitionAt(running_, place);
    const TaskDefinition is = DefinitionAt(wanted_, wanted);
    const v1::Task task_was = Canonical(*was.task);
    const v1::Task task_is = Canonical(*is.task);
    if (Bytes(task_was) == Bytes(task_is) &&
        BytesOf(running_, running_bytes_, *was.task) ==
            BytesOf(wanted_, wanted_bytes_, *is.task)) {
      return;
    }
    std::vector<std::string> fields =
        DifferingFields({&task_was, was.action}, {&task_is, is.action});
    const bool anew = fields.empty() ||
                      std::any_of(fields.begin(), fields.end(), TakesRestart);
    fields_[place] = std::move(fields);
    Put(wanted, place,
        anew ? v1::TASK_CHANGE_KIND_CHANGED : v1::TASK_CHANGE_KIND_UPDATED);
  }

  // The task of `wanted` goes to `place`.
  void Put(int wanted, int place, v1::TaskChangeKind kind) {
    if (place == merge_.graph.tasks_size()) {
      merge_.graph.add_tasks();
      kinds_.push_back(kind);
    }
    kinds_[place] = kind;
    v1::Task& task = *merge_.graph.mutable_tasks(place);
    const uint32_t before = task.action();
    task = wanted_.tasks(wanted);
    // An index that is none stays one, for who checks the graph.
    if (kind == v1::TASK_CHANGE_KIND_UPDATED) {
      task.set_action(before);
    } else if (task.action() < static_cast<uint32_t>(wanted_.actions_size())) {
      task.set_action(ActionFor(task));
    } else {
      task.set_action(UINT32_MAX);
    }
  }

  // What does the same in the merged graph.
  uint32_t ActionFor(const v1::Task& wanted) {
    if (actions_.empty()) {
      for (int i = 0; i < running_.actions_size(); ++i) {
        actions_.emplace(Bytes(running_.actions(i)), static_cast<uint32_t>(i));
      }
    }
    const auto number = static_cast<uint32_t>(merge_.graph.actions_size());
    const auto [action, fresh] =
        actions_.emplace(BytesOf(wanted_, wanted_bytes_, wanted), number);
    if (fresh) {
      *merge_.graph.add_actions() =
          wanted_.actions(static_cast<int>(wanted.action()));
    }
    return action->second;
  }

  // Of what a task of `graph` does.
  static const std::string& BytesOf(const v1::Graph& graph,
                                    std::vector<std::string>& known,
                                    const v1::Task& task) {
    static const auto* const none = new std::string();
    if (task.action() >= static_cast<uint32_t>(graph.actions_size())) {
      return *none;
    }
    known.resize(graph.actions_size());
    std::string& bytes = known[task.action()];
    if (bytes.empty()) {
      bytes = Bytes(graph.actions(static_cast<int>(task.action())));
    }
    return bytes;
  }

  void Remove(int place) {
    v1::Task gone;
    v1::Task& task = *merge_.graph.mutable_tasks(place);
    gone.set_name(std::move(*task.mutable_name()));
    gone.set_kind(task.kind());
    gone.set_action(task.action());
    gone.set_removed(true);
    task = std::move(gone);
    kinds_[place] = v1::TASK_CHANGE_KIND_REMOVED;
  }

  GraphMerge Finish() {
    for (int i = 0; i < merge_.graph.tasks_size(); ++i) {
      const v1::TaskChangeKind kind = kinds_[i];
      if (kind == v1::TASK_CHANGE_KIND_UNSPECIFIED) continue;
      v1::TaskChange& change = merge_.changes.emplace_back();
      change.set_task(merge_.graph.tasks(i).name());
      change.set_kind(kind);
      if (const auto found = fields_.find(i); found != fields_.end()) {
        for (std::string& field : found->second) {
          if (change.fields_size() < kMaxFields) {
            change.add_fields(std::move(field));
          }
        }
      }
      merge_.positions.push_back(static_cast<TaskIndex>(i));
      if (kind == v1::TASK_CHANGE_KIND_CHANGED) {
        merge_.changed.push_back(static_cast<TaskIndex>(i));
      } else if (kind == v1::TASK_CHANGE_KIND_REMOVED) {
        merge_.removed.push_back(static_cast<TaskIndex>(i));
      }
    }
    return std::move(merge_);
  }

  const v1::Graph& running_;
  const v1::Graph& wanted_;
  const absl::flat_hash_set<std::string>* const only_;
  GraphMerge merge_;
  std::vector<v1::TaskChangeKind> kinds_;               // by position
  absl::flat_hash_map<absl::string_view, int> places_;  // in running_
  absl::flat_hash_map<int, std::vector<std::string>> fields_;
  absl::flat_hash_map<std::string, uint32_t> actions_;
  std::vector<std::string> running_bytes_;  // of actions; empty: not known yet
  std::vector<std::string> wanted_bytes_;
};

}  // namespace

GraphMerge MergeGraphs(const v1::Graph& running, const v1::Graph& wanted,
                       const absl::flat_hash_set<std::string>* only) {
  return Merger(running, wanted, only).Merge();
}

void AddFollowers(absl::Span<const Follower> followers, GraphMerge* merge) {
  // Both are sorted by position.
  std::vector<v1::TaskChange> changes;
  std::vector<TaskIndex> positions;
  size_t next = 0;
  const auto take_until = [&](TaskIndex end) {
    for (; next < merge->positions.size() && merge->positions[next] < end;
         ++next) {
      changes.push_back(std::move(merge->changes[next]));
      positions.push_back(merge->positions[next]);
    }
  };
  for (const Follower& follower : followers) {
    take_until(follower.task);
    const bool updated = next < merge->positions.size() &&
                         merge->positions[next] == follower.task;
    if (updated) take_until(follower.task + 1);
    if (!updated) {
      changes.emplace_back().set_task(
          merge->graph.tasks(static_cast<int>(follower.task)).name());
      positions.push_back(follower.task);
    }
    changes.back().set_kind(v1::TASK_CHANGE_KIND_FOLLOWS);
    changes.back().set_follows(
        merge->graph.tasks(static_cast<int>(follower.follows)).name());
  }
  take_until(kNoTask);
  merge->changes = std::move(changes);
  merge->positions = std::move(positions);
}

}  // namespace w2t::wire
