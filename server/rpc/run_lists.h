// Lists of runs and of the tasks of one, page by page.
#ifndef W2T_SERVER_RPC_RUN_LISTS_H_
#define W2T_SERVER_RPC_RUN_LISTS_H_

#include <bitset>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "core/run/run.h"
#include "server/loop/inbox.h"
#include "server/rpc/session_set.h"
#include "w2t/v1/run_service.pb.h"

namespace w2t::server {

// What a request for runs asks for.
struct RunPage {
  // INVALID_ARGUMENT for a bad page.
  static absl::StatusOr<RunPage> Of(const v1::ListRunsRequest& request);
  bool Takes(std::string_view of, RunState state) const {
    return (name.empty() || of == name) && !(live && IsEnded(state));
  }

  RunNumber before{UINT64_MAX};
  uint32_t size = 0;
  std::string name;  // empty: any
  bool live = false;
};

// What a request for tasks asks for.
struct TaskPage {
  // INVALID_ARGUMENT for a bad page, or a state that there is not.
  static absl::StatusOr<TaskPage> Of(const v1::ListTasksRequest& request,
                                     uint64_t max_tasks);

  uint64_t start = 0;
  uint32_t size = 0;
  std::bitset<kTaskStates> states;
};

// The newest runs of the page, in memory or archived.
void FillRuns(const Engine& engine, const RunPage& page,
              v1::ListRunsResponse* response);
void FillTasks(const View& view, const Run& run, const TaskPage& page,
               SessionSet* sessions, v1::ListTasksResponse* response);

}  // namespace w2t::server

#endif  // W2T_SERVER_RPC_RUN_LISTS_H_
