#include "server/rpc/run_lists.h"

#include <iterator>
#include <utility>

#include "absl/time/clock.h"
#include "fmt/format.h"
#include "proto/wire/view_codec.h"
#include "server/rpc/checks.h"
#include "server/rpc/waiting.h"

namespace w2t::server {
namespace {

constexpr uint32_t kRunsPage = 100;
constexpr uint32_t kMostRunsPage = 1'000;
constexpr uint32_t kTasksPage = 1'000;
constexpr uint32_t kMostTasksPage = 10'000;

using StateSet = std::bitset<kTaskStates>;

// Which states a request asks for; all when it names none.
absl::StatusOr<StateSet> StatesOf(const v1::ListTasksRequest& request) {
  StateSet states;
  for (int i = 0; i < request.states_size(); ++i) {
    const int state = request.states(i);
    if (state == v1::TASK_STATE_UNSPECIFIED || !v1::TaskState_IsValid(state)) {
      return InvalidField(fmt::format("states[{}]", i),
                          fmt::format("there is no task state {}", state));
    }
    states.set(state);
  }
  if (states.none()) states.set();
  return states;
}

}  // namespace

absl::StatusOr<RunPage> RunPage::Of(const v1::ListRunsRequest& request) {
  const absl::StatusOr<uint32_t> size =
      PageSize(request.page_size(), kRunsPage, kMostRunsPage);
  if (!size.ok()) return size.status();
  // A token is the number of the last run of the page before.
  const absl::StatusOr<uint64_t> before =
      PageStart(request.page_token(), UINT64_MAX, UINT64_MAX - 1);
  if (!before.ok()) return before.status();
  return RunPage{RunNumber{*before}, *size, request.name(), request.live()};
}

absl::StatusOr<TaskPage> TaskPage::Of(const v1::ListTasksRequest& request,
                                      uint64_t max_tasks) {
  const absl::StatusOr<uint32_t> size =
      PageSize(request.page_size(), kTasksPage, kMostTasksPage);
  if (!size.ok()) return size.status();
  // A token is the index of the first task of the page.
  const absl::StatusOr<uint64_t> start =
      PageStart(request.page_token(), 0, max_tasks);
  if (!start.ok()) return start.status();
  const absl::StatusOr<StateSet> states = StatesOf(request);
  if (!states.ok()) return states.status();
  return TaskPage{*start, *size, *states};
}

void FillRuns(const Engine& engine, const RunPage& page,
              v1::ListRunsResponse* response) {
  const RunNumber before = page.before;
  auto run = engine.runs().lower_bound(before);
  auto ended = engine.archived().lower_bound(before);
  RunNumber last = before;
  while (true) {
    const bool has_run = run != engine.runs().begin();
    const bool has_ended = ended != engine.archived().begin();
    if (!has_run && !has_ended) return;
    if (static_cast<uint32_t>(response->runs_size()) == page.size) break;
    const bool takes_run =
        has_run &&
        (!has_ended || std::prev(run)->first > std::prev(ended)->first);
    if (takes_run) {
      --run;
      last = run->first;
      const Run& one = *run->second;
      if (page.Takes(one.blueprint().name(), one.state())) {
        wire::FillRun(one, response->add_runs());
      }
    } else {
      --ended;
      last = ended->first;
      if (page.Takes(ended->second.name, ended->second.state)) {
        wire::FillRun(ended->second, response->add_runs());
      }
    }
  }
  response->set_next_page_token(std::to_string(last.value));
}

void FillTasks(const View& view, const Run& run, const TaskPage& page,
               SessionSet* sessions, v1::ListTasksResponse* response) {
  Waiting waiting(view.engine, run, absl::Now(),
                  [sessions](SessionId id, uint64_t fence) {
                    return sessions->ProbeOf(id, fence);
                  });
  const auto name_of = [&](WorkerNumber w) { return view.workers.Find(w); };
  const uint32_t size = run.blueprint().size();
  for (uint64_t i = page.start; i < size; ++i) {
    const auto task = static_cast<TaskIndex>(i);
    const TaskState state = run.task(task).state;
    if (!page.states.test(static_cast<size_t>(state))) continue;
    if (static_cast<uint32_t>(response->tasks_size()) == page.size) {
      response->set_next_page_token(std::to_string(i));
      return;
    }
    v1::TaskStatus* out = response->add_tasks();
    wire::FillTask(run, task, name_of, out);
    if (const std::string why = waiting.Of(task); !why.empty()) {
      out->add_waiting_for(why);
    }
  }
}

}  // namespace w2t::server
