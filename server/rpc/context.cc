#include "server/rpc/context.h"

#include <utility>
#include <vector>

#include "fmt/format.h"
#include "server/rpc/checks.h"
#include "w2t/internal/suggest.h"

namespace w2t::server {

absl::Status OpenCalls::Add(std::shared_ptr<OpenCall> call) {
  absl::MutexLock lock(&mutex_);
  if (!closed_.ok()) return closed_;
  if (calls_.size() >= limits_->max_watchers) {
    return OverLimit("the number of open calls that watch runs or read logs", "",
                     "max_watchers", limits_->max_watchers, calls_.size() + 1,
                     absl::StatusCode::kResourceExhausted);
  }
  const OpenCall* key = call.get();
  calls_.emplace(key, std::move(call));
  return absl::OkStatus();
}

void OpenCalls::Remove(const OpenCall* call) {
  absl::MutexLock lock(&mutex_);
  calls_.erase(call);
}

void OpenCalls::AbortAll(const absl::Status& status) {
  std::vector<std::shared_ptr<OpenCall>> all;
  {
    absl::MutexLock lock(&mutex_);
    closed_ = status;
    for (const auto& [key, call] : calls_) all.push_back(call);
  }
  for (const std::shared_ptr<OpenCall>& call : all) call->Abort(status);
}

absl::StatusOr<TaskIndex> FindTask(const Run& run, std::string_view name) {
  const TaskIndex task = run.blueprint().Find(name);
  if (task == kNoTask && run.revising() &&
      run.spec().pending.blueprint->Find(name) != kNoTask) {
    return NotFound(
        "task",
        fmt::format("run {} has no task '{}' yet: it comes with revision {}, "
                    "which waits for tasks to stop",
                    run.spec().run_id, name, run.revision() + 1));
  }
  if (task == kNoTask) {
    const std::string_view meant =
        Suggest(name, run.blueprint().size(), [&](size_t i) {
          return run.blueprint().task_name(static_cast<TaskIndex>(i));
        });
    return NotFound(
        "task",
        fmt::format("run {} has no task '{}'{}", run.spec().run_id, name,
                    meant.empty()
                        ? std::string()
                        : fmt::format("; did you mean '{}'?", meant)));
  }
  return task;
}

void SweepLater(const CallContext* context, std::string run_id) {
  context->inbox->PostQuery(
      [hub = context->hub, run_id = std::move(run_id)](const View* view) {
        if (view == nullptr) return;
        const Run* run = view->engine.FindRun(run_id);
        if (run != nullptr) hub->Sweep(run->spec().number);
      });
}

}  // namespace w2t::server
