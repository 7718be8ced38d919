#include "client/cli/run_logs.h"

#include <algorithm>
#include <utility>

namespace w2t::cli {

RunLogs::RunLogs(Client& client, std::string run_id,
                 std::vector<v1::LogPosition> from, Sink sink)
    : client_(client),
      run_id_(std::move(run_id)),
      sink_(std::move(sink)),
      thread_([this, from = std::move(from)]() mutable {
        Read(std::move(from));
      }) {}

RunLogs::~RunLogs() {
  stop_.request_stop();
  AllBegan();
  thread_.join();
}

void RunLogs::Began(uint32_t task, uint32_t attempt) {
  absl::MutexLock lock(&mutex_);
  if (began_.size() <= task) began_.resize(task + 1);
  began_[task] = std::max(began_[task], attempt);
}

void RunLogs::AllBegan() {
  absl::MutexLock lock(&mutex_);
  all_began_ = true;
}

void RunLogs::Read(std::vector<v1::LogPosition> from) {
  const absl::Status status = client_.ReadRunLogs(
      run_id_, from,
      [this](const v1::TaskOutput& part) {
        AwaitBegin(part);
        sink_.part(part);
      },
      stop_.get_token());
  sink_.ended(status);
}

void RunLogs::AwaitBegin(const v1::TaskOutput& part) {
  const auto began = [this, &part]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return all_began_ || (part.task() < began_.size() &&
                          began_[part.task()] >= part.output().attempt());
  };
  absl::MutexLock lock(&mutex_);
  mutex_.Await(absl::Condition(&began));
}

}  // namespace w2t::cli
