#include "core/engine/engine.h"

#include <algorithm>
#include <utility>

#include "core/engine/steps.h"
#include "core/schedule/shapes.h"

namespace w2t {

class Engine::Impl : public Steps {
 public:
  using Steps::Steps;
};

Engine::Engine(const EngineOptions& options)
    : options_(options), impl_(std::make_unique<Impl>(options_)) {}

Engine::~Engine() = default;

absl::Status Engine::Replay(const FactBatch& batch) {
  return impl_->Replay(batch);
}

absl::Status Engine::Restore(const EngineData& data) {
  return impl_->Restore(data);
}

absl::Status Engine::Restore(Run::Spec spec, RunData data) {
  return impl_->state().Restore(std::move(spec), std::move(data));
}

absl::Status Engine::Restore(RunSummary summary) {
  return impl_->state().Restore(std::move(summary));
}

StepResult Engine::Start(absl::Time now) { return impl_->Start(now); }

StepResult Engine::Step(absl::Span<Event> events, absl::Time now) {
  return impl_->Step(events, now);
}

absl::Time Engine::NextWakeup() const { return impl_->NextWakeup(); }

const Run* Engine::FindRun(std::string_view run_id) const {
  return impl_->state().FindRun(run_id);
}

const Run* Engine::FindRun(RunNumber number) const {
  return impl_->state().FindRun(number);
}

const absl::btree_map<RunNumber, std::unique_ptr<Run>>& Engine::runs() const {
  return impl_->state().runs();
}

RunNumber Engine::FindId(std::string_view run_id) const {
  return impl_->state().FindId(run_id);
}

const absl::btree_map<RunNumber, RunSummary>& Engine::archived() const {
  return impl_->state().archived();
}

EngineData Engine::Data() const { return impl_->Data(); }

RunSummary Engine::SummaryOf(const Run& run) { return State::SummaryOf(run); }

void Engine::Archive() { impl_->state().Archive(); }

const Fleet& Engine::fleet() const { return impl_->state().fleet(); }

uint64_t Engine::epoch() const { return impl_->state().epoch(); }

bool Engine::draining() const { return impl_->draining(); }

bool Engine::idle() const { return fleet().leases() == 0; }

std::string Engine::WhyReady(const Run& run, TaskIndex task) const {
  if (draining()) return "the daemon is stopping";
  const Blueprint& blueprint = run.blueprint();
  return Shapes::WhyNot(blueprint.demands()[blueprint.demand(task)], fleet());
}

uint64_t Engine::Hash() const { return impl_->state().Hash(); }

}  // namespace w2t
