#include "client/cli/changes.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>
#include <string_view>

#include "absl/container/flat_hash_map.h"

namespace w2t::cli {

namespace {

constexpr size_t kMaxPadding = 30;

std::string NameOf(const v1::TaskChange& change) {
  return change.task().empty() ? "the graph" : change.task();
}

std::string Fields(const v1::TaskChange& change) {
  return change.fields().empty()
             ? "changed"
             : fmt::format("{} changed",
                           fmt::join(change.fields().begin(),
                                     change.fields().end(), ", "));
}

std::string Rest(const v1::TaskChange& change) {
  switch (change.kind()) {
    case v1::TASK_CHANGE_KIND_CHANGED:
      return Fields(change);
    case v1::TASK_CHANGE_KIND_UPDATED:
      return Fields(change) + "; it goes on running";
    case v1::TASK_CHANGE_KIND_RESTARTED:
      return "starts anew";
    case v1::TASK_CHANGE_KIND_FOLLOWS:
      return change.fields().empty()
                 ? fmt::format("follows {}", change.follows())
                 : fmt::format("follows {}; {}", change.follows(),
                               Fields(change));
    default:
      return "";
  }
}

std::string Sign(v1::TaskChangeKind kind, const Palette& palette) {
  switch (kind) {
    case v1::TASK_CHANGE_KIND_ADDED:
      return palette.Green("+");
    case v1::TASK_CHANGE_KIND_REMOVED:
      return palette.Red("-");
    case v1::TASK_CHANGE_KIND_FOLLOWS:
      return palette.Cyan(">");
    default:
      return palette.Yellow("~");
  }
}

// The restarts of one group, apart from the rest.
struct Rolling {
  const graphfile::Rollout* rollout;
  std::vector<std::string> changed;
};

// How many may be down at once.
size_t BatchSize(const graphfile::Rollout& rollout) {
  const size_t all = rollout.tasks.size();
  const size_t spare =
      all > rollout.min_ready ? all - rollout.min_ready : size_t{1};
  return rollout.max_parallel == 0
             ? spare
             : std::min<size_t>(rollout.max_parallel, spare);
}

}  // namespace

std::string ChangesText(const Changes& changes, const Palette& palette) {
  const size_t shown = std::min(changes.size(), kMaxShownChanges);
  size_t width = 0;
  for (size_t i = 0; i < shown; ++i) {
    width = std::max(width, std::min(NameOf(changes[i]).size(), kMaxPadding));
  }
  fmt::memory_buffer text;
  for (size_t i = 0; i < shown; ++i) {
    const std::string rest = Rest(changes[i]);
    const std::string name = NameOf(changes[i]);
    fmt::format_to(
        std::back_inserter(text), "  {} {}{}{}\n",
        Sign(changes[i].kind(), palette), name,
        rest.empty()
            ? std::string()
            : std::string(width > name.size() ? width - name.size() + 2 : 2,
                          ' '),
        rest);
  }
  if (shown < changes.size()) {
    fmt::format_to(std::back_inserter(text), "  and {} more; -o json has all\n",
                   changes.size() - shown);
  }
  return fmt::to_string(text);
}

std::string ChangesSummary(const Changes& changes) {
  const std::pair<v1::TaskChangeKind, std::string_view> words[] = {
      {v1::TASK_CHANGE_KIND_CHANGED, "changed"},
      {v1::TASK_CHANGE_KIND_UPDATED, "updated"},
      {v1::TASK_CHANGE_KIND_ADDED, "added"},
      {v1::TASK_CHANGE_KIND_REMOVED, "removed"},
      {v1::TASK_CHANGE_KIND_RESTARTED, "restarted"},
      {v1::TASK_CHANGE_KIND_FOLLOWS, "following"}};
  std::vector<std::string> parts;
  for (const auto& [kind, word] : words) {
    const auto count =
        std::count_if(changes.begin(), changes.end(),
                      [kind = kind](const v1::TaskChange& change) {
                        return change.kind() == kind;
                      });
    if (count > 0) parts.push_back(fmt::format("{} {}", count, word));
  }
  return fmt::format("{}", fmt::join(parts, ", "));
}

std::vector<std::vector<std::string>> Batches(
    const Changes& changes, const std::vector<graphfile::Rollout>& rollouts) {
  std::vector<Rolling> rollings;
  absl::flat_hash_map<std::string, size_t> of;  // into rollings, by task
  for (const graphfile::Rollout& rollout : rollouts) {
    for (const std::string& task : rollout.tasks) of[task] = rollings.size();
    rollings.push_back({&rollout, {}});
  }
  std::vector<std::string> first;
  std::vector<std::string> last;
  bool whole = false;  // the graph itself changes
  for (const v1::TaskChange& change : changes) {
    if (change.task().empty()) {
      whole = true;
      continue;
    }
    const auto rolling = of.find(change.task());
    switch (change.kind()) {
      case v1::TASK_CHANGE_KIND_REMOVED:
        last.push_back(change.task());
        break;
      case v1::TASK_CHANGE_KIND_CHANGED:
        (rolling == of.end() ? first : rollings[rolling->second].changed)
            .push_back(change.task());
        break;
      case v1::TASK_CHANGE_KIND_FOLLOWS:
        // It is taken along, but what it says anew must be taken, too.
        if (!change.fields().empty()) first.push_back(change.task());
        break;
      default:
        first.push_back(change.task());
    }
  }
  const bool divided =
      std::any_of(rollings.begin(), rollings.end(), [](const Rolling& rolling) {
        return rolling.changed.size() > BatchSize(*rolling.rollout);
      });
  if (!divided) return {{}};
  std::vector<std::vector<std::string>> batches;
  if (!first.empty()) batches.push_back(std::move(first));
  for (const Rolling& rolling : rollings) {
    const size_t size = BatchSize(*rolling.rollout);
    for (size_t i = 0; i < rolling.changed.size(); i += size) {
      const size_t end = std::min(rolling.changed.size(), i + size);
      batches.emplace_back(
          rolling.changed.begin() + static_cast<ptrdiff_t>(i),
          rolling.changed.begin() + static_cast<ptrdiff_t>(end));
    }
  }
  if (whole) {
    batches.emplace_back();  // all that is left by then
  } else if (!last.empty()) {
    batches.push_back(std::move(last));
  }
  return batches;
}

}  // namespace w2t::cli
