#include "client/cli/log_streams.h"

#include <fmt/format.h>

#include <utility>

namespace w2t::cli {

LogStreams::LogStreams(Client& client, std::string run_id,
                       std::function<void(LogPiece)> sink)
    : client_(client), run_id_(std::move(run_id)), sink_(std::move(sink)) {}

LogStreams::~LogStreams() {
  stop_.request_stop();
  std::vector<std::thread> threads;
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
    jobs_.clear();
    threads.swap(threads_);
  }
  for (std::thread& thread : threads) thread.join();
}

void LogStreams::Follow(uint32_t task, const std::string& name,
                        uint32_t attempt) {
  absl::MutexLock lock(&mutex_);
  jobs_.push_back({task, name, attempt});
  if (threads_.size() < std::min(kMost, busy_ + jobs_.size())) {
    threads_.emplace_back([this] { Work(); });
  }
}

bool LogStreams::idle() const {
  absl::MutexLock lock(&mutex_);
  return jobs_.empty() && busy_ == 0;
}

void LogStreams::Work() {
  while (true) {
    Job job;
    {
      absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(this, &LogStreams::HasWork));
      if (stopping_) return;
      job = std::move(jobs_.front());
      jobs_.pop_front();
      ++busy_;
    }
    Read(job);
    absl::MutexLock lock(&mutex_);
    --busy_;
  }
}

void LogStreams::Read(const Job& job) {
  const LogOptions options{.attempt = job.attempt, .follow = true};
  const absl::Status status = client_.ReadLogs(
      run_id_, job.name, options,
      [&](const v1::ReadLogsResponse& item) {
        sink_({.task = job.task,
               .name = job.name,
               .attempt = job.attempt,
               .item = item});
      },
      stop_.get_token());
  sink_({.task = job.task,
         .name = job.name,
         .attempt = job.attempt,
         .last = true,
         .status = status});
}

std::vector<std::string> LogLines::Add(const LogPiece& piece) {
  std::vector<std::string> lines;
  for (const v1::LogChunk& chunk : piece.item.chunks()) {
    for (std::string& line : Add(chunk, piece.task, piece.attempt)) {
      lines.push_back(std::move(line));
    }
  }
  if (!piece.last) return lines;
  for (std::string& line : Finish(piece.task, piece.attempt)) {
    lines.push_back(std::move(line));
  }
  return lines;
}

std::vector<std::string> LogLines::Add(const v1::LogChunk& chunk, uint32_t task,
                                       uint32_t attempt) {
  std::vector<std::string> lines;
  std::string& partial = partial_[{task, attempt, chunk.stream()}];
  if (chunk.dropped_bytes() > 0) {
    if (!partial.empty()) lines.push_back(std::exchange(partial, {}));
    lines.push_back(
        fmt::format("... {} bytes left out ...", chunk.dropped_bytes()));
  }
  std::string_view data = chunk.data();
  while (!data.empty()) {
    const size_t end = data.find('\n');
    partial.append(data.substr(0, end));
    data.remove_prefix(end == std::string_view::npos ? data.size() : end + 1);
    if (end != std::string_view::npos || partial.size() >= kMaxLine) {
      lines.push_back(std::exchange(partial, {}));
    }
  }
  return lines;
}

std::vector<std::string> LogLines::Finish(uint32_t task, uint32_t attempt) {
  std::vector<std::string> lines;
  const auto begin = partial_.lower_bound({task, attempt, 0});
  auto end = begin;
  while (end != partial_.end() && std::get<0>(end->first) == task &&
         std::get<1>(end->first) == attempt) {
    if (!end->second.empty()) lines.push_back(std::move(end->second));
    ++end;
  }
  partial_.erase(begin, end);
  return lines;
}

}  // namespace w2t::cli
