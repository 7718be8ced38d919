// What tests of whole programs start from.
#ifndef W2T_TESTS_SUPPORT_FIXTURE_H_
#define W2T_TESTS_SUPPORT_FIXTURE_H_

#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/programs.h"
#include "tests/support/rpc.h"
#include "tests/support/temp_dir.h"

namespace w2t::test {

// A directory of its own; nothing that a test starts outlives it.
class ProgramTest : public ::testing::Test {
 protected:
  void SetUp() override { AdoptOrphans(); }
  void TearDown() override { KillOrphans(); }

  TempDir dir_;
};

// A daemon, workers and a client.
class FleetTest : public ProgramTest {
 protected:
  void StartDaemon(std::vector<std::string> flags = {}, bool tcp = false) {
    daemon_ = std::make_unique<Daemon>(dir_, std::move(flags), tcp);
    client_ = std::make_unique<RpcClient>(daemon_->address());
  }
  // After daemon_->Kill or Stop: on the same data and address, with a client
  // that does not wait for its old connection to break.
  void RestartDaemon() {
    daemon_->Start();
    client_ = std::make_unique<RpcClient>(daemon_->address());
  }
  Process& AddWorker(WorkerOptions options) {
    workers_.push_back(StartWorker(daemon_->address(), std::move(options)));
    return *workers_.back();
  }
  // A daemon with one worker that is ready for work.
  void StartFleet(int slots) {
    StartDaemon();
    AddWorker({.slots = slots});
    ASSERT_TRUE(client_->WaitForWorkers(1));
  }
  void TearDown() override {
    client_.reset();
    workers_.clear();
    daemon_.reset();
    ProgramTest::TearDown();
  }
  CliResult Cli(std::vector<std::string> args) {
    args.insert(args.begin(), {"--server", daemon_->address()});
    return RunCli(std::move(args));
  }

  std::unique_ptr<Daemon> daemon_;
  std::vector<std::unique_ptr<Process>> workers_;
  std::unique_ptr<RpcClient> client_;
};

// Where the public inputs lie; empty when they are absent.
std::string SharedCases();

}  // namespace w2t::test

#endif  // W2T_TESTS_SUPPORT_FIXTURE_H_
