#include "client/cli/transcript.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace w2t::cli {

namespace {

void MoveTo(std::vector<std::string>& to, std::vector<std::string>& lines) {
  to.insert(to.end(), std::make_move_iterator(lines.begin()),
            std::make_move_iterator(lines.end()));
  lines.clear();
}

}  // namespace

void Transcript::Happened(uint32_t task, uint32_t attempt, std::string line) {
  if (waiting_.empty()) {
    if (!line.empty()) due_.push_back(std::move(line));
    return;
  }
  waiting_.push_back({.task = task, .attempt = attempt, .starts = true});
  if (!line.empty()) waiting_.back().lines.push_back(std::move(line));
}

void Transcript::Ended(uint32_t task, uint32_t attempt, std::string line,
                       absl::Time now) {
  Entry entry{
      .task = task, .attempt = attempt, .ends = true, .until = now + kPatience};
  if (!line.empty()) entry.lines.push_back(std::move(line));
  waiting_.push_back(std::move(entry));
}

void Transcript::Printed(uint32_t task, uint32_t attempt,
                         std::vector<std::string> lines, bool last) {
  if (last) {
    if (read_.size() <= task) read_.resize(task + 1);
    read_[task] = std::max(read_[task], attempt);
  }
  if (lines.empty()) return;
  // Behind the latest line about its start, if that still waits.
  const auto start =
      std::find_if(waiting_.rbegin(), waiting_.rend(), [&](const Entry& entry) {
        return entry.starts && entry.task == task && entry.attempt == attempt;
      });
  MoveTo(start == waiting_.rend() ? due_ : start->lines, lines);
}

bool Transcript::HasAllOutput(const Entry& entry) const {
  return entry.task < read_.size() && read_[entry.task] >= entry.attempt;
}

std::vector<std::string> Transcript::Take(absl::Time now) {
  while (!waiting_.empty()) {
    Entry& first = waiting_.front();
    if (first.ends && first.until > now && !HasAllOutput(first)) break;
    MoveTo(due_, first.lines);
    waiting_.pop_front();
  }
  return std::exchange(due_, {});
}

}  // namespace w2t::cli
