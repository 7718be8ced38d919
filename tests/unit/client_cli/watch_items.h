// Messages of a watch, put together in few words.
#ifndef W2T_TESTS_UNIT_CLIENT_CLI_WATCH_ITEMS_H_
#define W2T_TESTS_UNIT_CLIENT_CLI_WATCH_ITEMS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "w2t/v1/run_service.pb.h"

namespace w2t::cli {

inline v1::WatchRunResponse Snapshot(
    const std::vector<std::string>& names,
    const std::vector<v1::TaskState>& states = {}, bool service = false) {
  v1::WatchRunResponse item;
  v1::RunSnapshot& snapshot = *item.mutable_snapshot();
  snapshot.mutable_run()->set_run_id("shop-7");
  snapshot.mutable_run()->set_state(v1::RUN_STATE_RUNNING);
  for (size_t i = 0; i < names.size(); ++i) {
    snapshot.add_names(names[i]);
    snapshot.add_states(i < states.size() ? states[i] : v1::TASK_STATE_WAITING);
    snapshot.add_attempts(i < states.size() ? 1 : 0);
    snapshot.add_services(service);
  }
  snapshot.set_last(true);
  return item;
}

struct EventSpec {
  uint32_t task = 0;
  v1::TaskState state = v1::TASK_STATE_UNSPECIFIED;
  int64_t at_ms = 0;
  uint32_t attempt = 1;
  int32_t exit_code = 0;
  std::string message = {};
  std::string worker = {};
};

inline v1::WatchRunResponse Events(const std::vector<EventSpec>& events,
                                   uint64_t first_seq = 1) {
  v1::WatchRunResponse item;
  v1::EventBatch& batch = *item.mutable_events();
  batch.set_first_seq(first_seq);
  for (const EventSpec& event : events) {
    const uint32_t position = batch.task_size();
    batch.add_task(event.task);
    batch.add_state(event.state);
    batch.add_time_us(event.at_ms * 1000);
    batch.add_attempt(event.attempt);
    batch.add_exit_code(event.exit_code);
    if (event.message.empty() && event.worker.empty()) continue;
    v1::EventDetail* detail = batch.add_details();
    detail->set_position(position);
    detail->set_message(event.message);
    detail->set_worker(event.worker);
  }
  return item;
}

}  // namespace w2t::cli

#endif  // W2T_TESTS_UNIT_CLIENT_CLI_WATCH_ITEMS_H_
