#include "client/cli/stopping.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "client/cli/text.h"

namespace w2t::cli {

namespace {

// More than these are counted, not named.
constexpr size_t kMostNamed = 5;
// What stops sooner need not be named.
constexpr absl::Duration kPatience = absl::Seconds(1);

// "api, db and 3 more".
std::string JoinSome(const std::vector<std::string>& items,
                     std::string_view separator) {
  const size_t shown = std::min(items.size(), kMostNamed);
  std::string text =
      fmt::format("{}", fmt::join(items.begin(),
                                  items.begin() + static_cast<ptrdiff_t>(shown),
                                  separator));
  if (shown < items.size()) {
    text += fmt::format(" and {} more", items.size() - shown);
  }
  return text;
}

// "api-0, api-1 wait for web; db waits for api-0, api-1".
std::string WaitersText(const std::vector<v1::TaskStatus>& held) {
  std::vector<std::string> causes;
  std::map<std::string, std::vector<std::string>> waiting;
  for (const v1::TaskStatus& task : held) {
    if (task.wait_kind() != v1::WAIT_KIND_TO_BE_STOPPED) continue;
    const std::string cause = fmt::format(
        "{}",
        fmt::join(task.waiting_for().begin(), task.waiting_for().end(), ", "));
    const auto [of, fresh] = waiting.try_emplace(cause);
    if (fresh) causes.push_back(cause);
    of->second.push_back(task.name());
  }
  std::vector<std::string> parts;
  for (auto cause = causes.rbegin(); cause != causes.rend(); ++cause) {
    const std::vector<std::string>& names = waiting[*cause];
    parts.push_back(fmt::format("{} {} for {}", JoinSome(names, ", "),
                                names.size() == 1 ? "waits" : "wait", *cause));
  }
  return JoinSome(parts, "; ");
}

}  // namespace

std::string StoppingTasks::Tell(const std::vector<v1::TaskStatus>& held,
                                absl::Time now, bool live) {
  std::map<std::string, absl::Time> since;
  std::vector<std::string> stopping;  // with times
  std::string same;
  absl::Duration longest = absl::ZeroDuration();
  for (const v1::TaskStatus& task : held) {
    if (!task.stopping()) continue;
    const auto known = since_.find(task.name());
    const absl::Time began = known == since_.end() ? now : known->second;
    since[task.name()] = began;
    longest = std::max(longest, now - began);
    fmt::format_to(std::back_inserter(same), "{} ", task.name());
    stopping.push_back(fmt::format(
        "{}{} ({} so far)", task.name(),
        task.worker().empty() ? std::string() : " on " + task.worker(),
        ElapsedText(now - began)));
  }
  since_ = std::move(since);
  if (stopping.empty()) return "";
  if (same != told_) told_after_ = kPatience;
  told_ = std::move(same);
  if (!live && longest < told_after_) return "";
  while (told_after_ <= longest) told_after_ *= 2;
  const std::string waiting = WaitersText(held);
  return fmt::format("stopping {}{}{}", JoinSome(stopping, ", "),
                     waiting.empty() ? "" : "; ", waiting);
}

}  // namespace w2t::cli
