// GraphBuilder: graphs for tests, in the fewest words.
//
//   Graph graph = GraphBuilder("shop")
//                     .Service("db").Probe()
//                     .Task("migrate", {"db"}).Retry({.attempts = 3})
//                     .Task("undo", {{"migrate", Condition::kFailed}});
//
// A modifier speaks of the task named last.
#ifndef W2T_TESTS_SUPPORT_GRAPH_BUILDER_H_
#define W2T_TESTS_SUPPORT_GRAPH_BUILDER_H_

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "w2t/blueprint.h"
#include "w2t/graph.h"

namespace w2t::testing {

// A dependency; a plain name means the default condition, so that a list of
// names will do.
struct Dep {
  // NOLINTNEXTLINE(google-explicit-constructor)
  Dep(std::string task, Condition condition = Condition::kDefault)
      : dependency{std::move(task), condition} {}
  // NOLINTNEXTLINE(google-explicit-constructor)
  Dep(const char* task, Condition condition = Condition::kDefault)
      : dependency{task, condition} {}

  Dependency dependency;
};

// One that the dependent is restarted with.
inline Dep Followed(std::string task,
                    Condition condition = Condition::kDefault) {
  Dep dep(std::move(task), condition);
  dep.dependency.restart = true;
  return dep;
}

class GraphBuilder {
 public:
  explicit GraphBuilder(std::string name = "run") : graph_(std::move(name)) {}

  GraphBuilder& Task(std::string name, std::vector<Dep> after = {}) {
    return Open(std::move(name), TaskKind::kTask, std::move(after));
  }
  // Demands nothing, as services do by default in graph files.
  GraphBuilder& Service(std::string name, std::vector<Dep> after = {}) {
    Open(std::move(name), TaskKind::kService, std::move(after));
    return Demands({.resources = {}});
  }

  GraphBuilder& Trigger(uint32_t trigger) {
    task_.trigger = trigger;
    return *this;
  }
  // `need` of these, which count as one dependency. They come after what the
  // task was opened with.
  GraphBuilder& Quorum(uint32_t need, std::vector<Dep> of) {
    task_.quorums.push_back(need);
    for (Dep& dep : of) {
      dep.dependency.quorum = static_cast<uint32_t>(task_.quorums.size());
      task_.depends_on.push_back(std::move(dep.dependency));
    }
    return *this;
  }
  GraphBuilder& Retry(const RetryPolicy& retry) {
    task_.retry = graph_.AddRetry(retry);
    return *this;
  }
  GraphBuilder& Demands(const Demand& demand) {
    task_.demand = graph_.AddDemand(demand);
    return *this;
  }
  GraphBuilder& Priority(int32_t priority) {
    task_.priority = priority;
    return *this;
  }
  GraphBuilder& Estimate(absl::Duration estimate) {
    task_.estimate = estimate;
    return *this;
  }
  GraphBuilder& Probe() {
    task_.has_probe = true;
    return *this;
  }
  GraphBuilder& AllowFailure() {
    task_.allow_failure = true;
    return *this;
  }
  GraphBuilder& FailRun() {
    task_.fail_run = true;
    return *this;
  }

  GraphBuilder& Removed() {
    task_.removed = true;
    return *this;
  }
  GraphBuilder& AtMostOnce() {
    task_.at_most_once = true;
    return *this;
  }

  GraphBuilder& UndoOf(std::string task) {
    task_.undo_of = std::move(task);
    return *this;
  }
  // Of the graph.
  GraphBuilder& OnFailure(w2t::OnFailure on_failure) {
    graph_.SetOnFailure(on_failure);
    return *this;
  }

  Graph Build() {
    Close();
    return graph_;
  }
  // NOLINTNEXTLINE(google-explicit-constructor)
  operator Graph() { return Build(); }

 private:
  GraphBuilder& Open(std::string name, TaskKind kind, std::vector<Dep> after) {
    Close();
    open_ = true;
    task_ = TaskSpec{.name = std::move(name), .kind = kind};
    for (Dep& dep : after) {
      task_.depends_on.push_back(std::move(dep.dependency));
    }
    return *this;
  }
  void Close() {
    if (open_) graph_.Add(std::move(task_));
    open_ = false;
  }

  Graph graph_;
  bool open_ = false;
  TaskSpec task_;
};

}  // namespace w2t::testing

#endif  // W2T_TESTS_SUPPORT_GRAPH_BUILDER_H_
