#include "server/loop/archive.h"

#include <algorithm>
#include <string>

#include "proto/wire/status_codec.h"
#include "server/loop/inbox.h"
#include "server/loop/snapshots.h"
#include "server/observe/log.h"

namespace w2t::server {
namespace {

absl::Status TooMany(uint64_t limit) {
  Diagnostics faults;
  faults.AddLimit("the number of ended runs that wait to be read", "run_id",
                  "max_loads", limit, limit + 1);
  return wire::ToStatus(faults, absl::StatusCode::kResourceExhausted);
}

}  // namespace

Archive::Archive(std::unique_ptr<PartReader> reader, const ServerLimits* limits)
    : limits_(*limits),
      reader_(std::move(reader)),
      thread_([this] { Loop(); }) {}

Archive::~Archive() {
  Stop();
  thread_.join();
}

void Archive::Load(RunNumber number, Done done) {
  absl::Status refused;
  {
    const absl::MutexLock lock(&mutex_);
    if (stopping_) {
      refused = StoppingStatus();
    } else if (wanted_.size() >= limits_.max_loads) {
      refused = TooMany(limits_.max_loads);
    } else {
      wanted_.push_back({number, std::move(done)});
      return;
    }
  }
  done(refused);
}

void Archive::Stop() {
  std::deque<Wanted> refused;
  {
    const absl::MutexLock lock(&mutex_);
    stopping_ = true;
    std::swap(refused, wanted_);
  }
  for (Wanted& wanted : refused) wanted.done(StoppingStatus());
}

void Archive::Loop() {
  const auto has_work = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return stopping_ || !wanted_.empty();
  };
  while (true) {
    Wanted wanted;
    {
      const absl::MutexLock lock(&mutex_, absl::Condition(&has_work));
      if (stopping_) return;
      wanted = std::move(wanted_.front());
      wanted_.pop_front();
    }
    wanted.done(Find(wanted.number));
  }
}

absl::StatusOr<std::shared_ptr<const Run>> Archive::Find(RunNumber number) {
  const auto kept = std::find_if(
      kept_.begin(), kept_.end(),
      [number](const auto& run) { return run->spec().number == number; });
  std::shared_ptr<const Run> run;
  if (kept != kept_.end()) {
    run = *kept;
    kept_.erase(kept);
  } else {
    absl::StatusOr<std::unique_ptr<Run>> read =
        RestoreRun(*reader_, number, limits_);
    if (!read.ok()) {
      Log(log_event::kRunUnreadable,
          {{"number", number.value},
           {"reason", std::string(read.status().message())}});
      return read.status();
    }
    run = *std::move(read);
  }
  Keep(run);
  return run;
}

void Archive::Keep(std::shared_ptr<const Run> run) {
  kept_.push_front(std::move(run));
  uint64_t tasks = 0;
  size_t fit = 0;
  for (; fit < kept_.size() && fit < kMostKept; ++fit) {
    tasks += kept_[fit]->blueprint().size();
    if (fit > 0 && tasks > limits_.max_kept_tasks) break;
  }
  kept_.resize(fit);
}

}  // namespace w2t::server
