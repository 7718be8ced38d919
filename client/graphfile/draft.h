// A graph while it is put together from a file, and where each part of it
// stands in that file.
#ifndef W2T_CLIENT_GRAPHFILE_DRAFT_H_
#define W2T_CLIENT_GRAPHFILE_DRAFT_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/inlined_vector.h"
#include "absl/types/span.h"
#include "client/graphfile/document.h"
#include "client/graphfile/fields.h"
#include "client/graphfile/source.h"
#include "w2t/blueprint.h"
#include "w2t/v1/graph.pb.h"

namespace w2t::graphfile {

// A dependency, and where the file says so.
struct EdgeDraft {
  v1::Dependency dependency;
  Position at;
  // Without its task being there, the file is at fault.
  bool required = true;
  // How many of the tasks that it means are enough, as a number or as a part of
  // them; both 0: all are needed.
  uint32_t enough = 0;
  uint32_t enough_percent = 0;
};

// One task as far as it has been read. Its action is put together last, because
// keys come in any order.
struct TaskDraft {
  v1::Task task;
  std::vector<EdgeDraft> edges;

  v1::ExecAction exec;
  v1::HandlerAction handler;
  bool has_command = false;
  bool has_handler = false;
  v1::Action rest;  // timeout, ready, live, stop

  // What it does was said by the defaults or by an earlier file, and may be
  // said anew.
  bool defaulted_action = false;
  // The edges come from the defaults, which do not count where a task has its
  // own.
  bool defaulted_edges = false;

  // Of its env_files; what `env` says counts before them.
  Environment file_env;

  // What undoes it, and where the file says so. Null: nothing.
  std::shared_ptr<const TaskDraft> undo;
  Position undo_at;

  // The last of the task's keys that only a command takes, and that only a
  // handler takes; the name is empty when there was none.
  Field exec_only;
  Field handler_only;
};

class Draft {
 public:
  // Actions of one graph may take this much, serialized. What can be handed to
  // a daemon ends at 2 GiB.
  static constexpr uint64_t kMaxActionBytes = 1ull << 30;

  // `sources` are what the graph is read from.
  Draft(Context& context, absl::Span<const Source> sources)
      : context_(context), sources_(sources) {}

  v1::Graph& graph() { return graph_; }
  std::vector<Rollout>& rollouts() { return rollouts_; }

  // What is said of a task: the last one to say something of it counts.
  using Layers = absl::InlinedVector<Value, 2>;

  // Keeps what layers point to, if it is not one of the sources.
  void Keep(std::unique_ptr<Document> document) {
    kept_.push_back(std::move(document));
  }
  // Adds a task, whose name stands at `name_at`.
  void Add(TaskDraft draft, Position name_at, Layers layers);
  // There is no room for more dependencies, and a fault says so. What is added
  // then is dropped.
  bool full() const { return full_; }

  // The next `count` tasks may be called by one name together.
  void BeginGroup(std::string name, uint64_t count);
  // There is a task of this name, but not without one of these profiles.
  void LeaveOut(std::string name, std::vector<std::string> profiles);

  // Checks the whole graph and notes each fault where the file gives rise to
  // it. Null when there are faults, also those of reading. A graph that is
  // empty because of those is not blamed for that too. When the options name
  // targets, only they and what they need is kept.
  std::shared_ptr<const Blueprint> Check();

  v1::Graph TakeGraph() { return std::move(graph_); }

 private:
  struct Origin {
    Position name_at;
    Layers layers;
    uint64_t first_edge;
  };

  // Tasks that have one name together; none when they are left out.
  struct Group {
    TaskIndex first = 0;
    uint64_t count = 0;
    std::vector<std::string> profiles;
  };

  uint32_t AddAction(const v1::Action& action);
  std::shared_ptr<const Blueprint> Decode();
  // The tasks that the options name as targets. Notes those that are not there.
  std::vector<TaskIndex> FindTargets(const Blueprint& blueprint);
  // A place in the file, and the key that stands there, if it is one.
  struct Place {
    Position at;
    std::string_view key;
  };

  Place Locate(const Diagnostic& fault) const;
  // What a fault of two tasks with one name says: where the first one stands.
  std::string DuplicateWords(const Diagnostic& fault) const;
  static Place LocateField(const Origin& origin, std::string_view field);

  Context& context_;
  const absl::Span<const Source> sources_;
  v1::Graph graph_;
  std::vector<Rollout> rollouts_;
  std::vector<Origin> origins_;        // of each task
  std::vector<Position> edges_;        // of all tasks, one after the other
  std::vector<uint32_t> action_task_;  // the first task of each action
  absl::flat_hash_map<std::string, uint32_t> actions_;
  uint64_t action_bytes_ = 0;
  absl::flat_hash_map<std::string, Group> groups_;
  bool full_ = false;
  std::vector<std::unique_ptr<Document>> kept_;
};

}  // namespace w2t::graphfile

#endif  // W2T_CLIENT_GRAPHFILE_DRAFT_H_
