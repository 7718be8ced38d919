// What clients and operators ask for.
#include <utility>

#include "fmt/format.h"
#include "gtest/gtest.h"
#include "tests/support/engine_env.h"

namespace w2t::testing {
namespace {

class TextDefinition : public Definition {
 public:
  explicit TextDefinition(std::string text) : text_(std::move(text)) {}
  std::string_view encoded() const override { return text_; }

 private:
  const std::string text_;
};

// Enough of a graph to tell two different ones apart.
std::string Encode(const Graph& graph) {
  std::string text = graph.name();
  for (const TaskSpec& task : graph.tasks()) {
    text += fmt::format("\n{} {} {}", task.name, task.priority, task.trigger);
    for (const Dependency& dep : task.depends_on) {
      text +=
          fmt::format(" {}:{}:{}:{}", dep.task, static_cast<int>(dep.condition),
                      dep.quorum, dep.restart);
    }
  }
  return text;
}

}  // namespace

std::string EngineEnv::Submit(const Graph& graph,
                              const SubmitOptions& options) {
  const SubmitReply reply = TrySubmit(graph, options);
  EXPECT_TRUE(reply.status.ok()) << reply.status;
  if (reply.status.ok()) run_id_ = reply.run_id;
  return reply.run_id;
}

SubmitReply EngineEnv::TrySubmit(const Graph& graph,
                                 const SubmitOptions& options) {
  BlueprintOr built = Blueprint::Build(graph, options_.limits);
  EXPECT_TRUE(built.faults.empty()) << built.faults.Summary();
  if (built.blueprint == nullptr) return {};
  const uint64_t token = next_token_++;
  Step({SubmitEvent{{token},
                    options.request_id,
                    options.hold,
                    options.unique_name,
                    std::move(built.blueprint),
                    std::make_shared<TextDefinition>(Encode(graph))}});
  const auto it = submit_replies_.find(token);
  EXPECT_NE(it, submit_replies_.end()) << "a submit was not answered";
  return it == submit_replies_.end() ? SubmitReply() : it->second;
}

absl::Status EngineEnv::Cancel(std::string_view run_id) {
  const uint64_t token = next_token_++;
  Step({CancelEvent{
      {token}, run_id.empty() ? run_id_ : std::string(run_id), "test"}});
  if (together_) return absl::OkStatus();
  EXPECT_TRUE(status_replies_.contains(token)) << "a cancel was not answered";
  return status_replies_[token];
}

absl::Status EngineEnv::RestartTasks(std::vector<std::string> tasks,
                                     std::string request_id) {
  const uint64_t token = next_token_++;
  Step({RestartEvent{
      {token}, run_id_, std::move(tasks), std::move(request_id)}});
  if (together_) return absl::OkStatus();
  EXPECT_TRUE(status_replies_.contains(token)) << "a restart was not answered";
  return status_replies_[token];
}

absl::Status EngineEnv::Revise(const Graph& graph,
                               const std::vector<std::string>& changed,
                               uint64_t base_revision) {
  BlueprintOr built = Blueprint::Build(graph, options_.limits);
  EXPECT_TRUE(built.faults.empty()) << built.faults.Summary();
  if (built.blueprint == nullptr) return absl::InternalError("no blueprint");
  const uint64_t token = next_token_++;
  ReviseEvent event{
      .token = {token},
      .run_id = run_id_,
      .base_revision = base_revision == 0 ? run().revision() : base_revision,
      .blueprint = std::move(built.blueprint),
      .definition = std::make_shared<TextDefinition>(Encode(graph)),
      .changed = {}};
  for (const std::string& task : changed) event.changed.push_back(Index(task));
  Step({std::move(event)});
  if (together_) return absl::OkStatus();
  EXPECT_TRUE(status_replies_.contains(token)) << "a revision was not answered";
  return status_replies_[token];
}

absl::Status EngineEnv::DrainWorker(const std::string& worker, bool undo) {
  const uint64_t token = next_token_++;
  Step({DrainWorkerEvent{{token}, worker, undo}});
  EXPECT_TRUE(status_replies_.contains(token)) << "a drain was not answered";
  return status_replies_[token];
}

void EngineEnv::DrainServer() { Step({DrainServerEvent{}}); }

void EngineEnv::Use(std::string_view run_id) { run_id_ = std::string(run_id); }

}  // namespace w2t::testing
