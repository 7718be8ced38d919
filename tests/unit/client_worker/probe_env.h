// What the tests of probes share.
#ifndef W2T_TESTS_UNIT_CLIENT_WORKER_PROBE_ENV_H_
#define W2T_TESTS_UNIT_CLIENT_WORKER_PROBE_ENV_H_

#include <gtest/gtest.h>

#include <string_view>
#include <utility>

#include "tests/support/script_server.h"
#include "tests/unit/client_worker/exec_env.h"

namespace w2t::worker {

using test::Port;
using test::ReadRequest;
using test::ScriptServer;
using test::SendText;

inline google::protobuf::Duration Millis(int millis) {
  google::protobuf::Duration duration;
  duration.set_seconds(millis / 1000);
  duration.set_nanos(millis % 1000 * 1'000'000);
  return duration;
}

inline v1::Action Service(std::string_view line = "exec sleep 60") {
  return ExecEnv::Shell(line);
}

class ProbeTest : public ::testing::Test {
 protected:
  void EndsWellWhenUp(v1::Action action) {
    const uint64_t fence = env_.Start(std::move(action));
    env_.AwaitUp(fence);
    env_.Cancel(fence);
    EXPECT_EQ(env_.Await(fence).outcome->state, v1::TASK_STATE_CANCELLED);
  }

  ExecEnv env_;
};

}  // namespace w2t::worker

#endif  // W2T_TESTS_UNIT_CLIENT_WORKER_PROBE_ENV_H_
