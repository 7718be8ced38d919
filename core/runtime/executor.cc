#include "w2t/flow/executor.h"

#include <algorithm>
#include <utility>

#include "core/graph/blueprint_draft.h"
#include "core/runtime/job_queue.h"
#include "core/runtime/run_state.h"

namespace w2t::flow {
namespace {

using internal::Outcome;
using internal::Pool;
using internal::RunState;
using internal::ThreadLoop;

Outcome Prepare(internal::GraphData& data) {
  BlueprintOr built = internal::Freeze(data, std::move(*data.draft));
  Outcome outcome;
  outcome.faults = std::move(built.faults);
  outcome.graph = data.number;
  outcome.blueprint = std::move(built.blueprint);
  outcome.nodes = std::move(data.nodes);
  return outcome;
}

}  // namespace

Execution::Execution(std::shared_ptr<RunState> run,
                     std::unique_ptr<ThreadLoop> loop)
    : run_(std::move(run)), loop_(std::move(loop)) {}
Execution::Execution(Execution&&) noexcept = default;
Execution& Execution::operator=(Execution&&) noexcept = default;

Execution::~Execution() {
  if (run_ == nullptr || run_->done()) return;
  RequestStop();
  Wait();
}

bool Execution::done() const { return run_->done(); }

void Execution::RequestStop() {
  run_->Stop(absl::CancelledError("the run was stopped"));
}

Result Execution::Wait() {
  if (loop_ != nullptr) {
    loop_->Serve([this] { return run_->done(); });
  } else {
    run_->AwaitEnd();
  }
  Result result(run_->TakeOutcome());
  run_ = nullptr;
  return result;
}

Executor::Executor(int threads)
    : mode_(Mode::kHost),
      pool_(std::make_unique<Pool>(std::clamp(threads, 1, 64))),
      host_(pool_.get()) {}
Executor::Executor(Host& host) : mode_(Mode::kHost), host_(&host) {}
Executor Executor::Cooperative() { return Executor(Mode::kCooperative); }
Executor Executor::OneAtATime() { return Executor(Mode::kOneAtATime); }
Executor::Executor(Executor&&) noexcept = default;
Executor& Executor::operator=(Executor&&) noexcept = default;
Executor::~Executor() = default;

Execution Executor::Start(Graph graph, RunOptions options) {
  std::unique_ptr<ThreadLoop> loop;
  if (host_ == nullptr) loop = std::make_unique<ThreadLoop>();
  auto run = std::make_shared<RunState>(
      Prepare(*graph.data_), std::move(options),
      host_ == nullptr ? loop.get() : host_, mode_ == Mode::kOneAtATime);
  run->Begin();
  return Execution(std::move(run), std::move(loop));
}

Result Executor::Run(Graph graph, RunOptions options) {
  return Start(std::move(graph), std::move(options)).Wait();
}

}  // namespace w2t::flow
