#include "tests/unit/client_worker/exec_env.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <utility>

#include "client/worker/exec/command.h"

namespace w2t::worker {

void RecordingSink::Started(absl::Span<const Lease> leases, bool) {
  absl::MutexLock lock(&mutex_);
  for (const Lease& lease : leases) records_[lease.fence].started = true;
}

void RecordingSink::Up(const Lease& lease) {
  absl::MutexLock lock(&mutex_);
  records_[lease.fence].up = true;
}

void RecordingSink::Ended(const Lease& lease, Outcome outcome) {
  absl::MutexLock lock(&mutex_);
  Record& record = records_[lease.fence];
  EXPECT_FALSE(record.outcome) << "a second outcome: " << outcome.message;
  record.outcome = std::move(outcome);
}

void RecordingSink::ProbeMissed(const Lease& lease, MissedProbe probe) {
  absl::MutexLock lock(&mutex_);
  records_[lease.fence].missed = std::move(probe);
}

bool RecordingSink::Printed(const Lease& lease, v1::LogStream stream,
                            std::string_view data) {
  absl::MutexLock lock(&mutex_);
  Record& record = records_[lease.fence];
  EXPECT_FALSE(record.outcome) << "output after the outcome: " << data;
  std::string& text = stream == v1::LOG_STREAM_STDOUT   ? record.out
                      : stream == v1::LOG_STREAM_STDERR ? record.err
                                                        : record.notes;
  text += data;
  return room_;
}

bool RecordingSink::TryPrint(const Lease& lease, v1::LogStream stream,
                             std::string_view data, uint64_t) {
  return Printed(lease, stream, data);
}

void RecordingSink::SetRoom(bool room) {
  absl::MutexLock lock(&mutex_);
  room_ = room;
}

void RecordingSink::GiveUp(uint64_t fence) {
  ADD_FAILURE() << "waited too long for attempt " << fence;
}

ExecEnv::ExecEnv(ExecOptions options) {
  options.worker = "w1";
  options.environment =
      std::make_shared<const std::vector<std::string>>(OwnEnvironment());
  options.mark = fmt::format("test{}", getpid());
  loop_ = *Loop::Create();
  runner_ =
      std::make_unique<ExecRunner>(loop_.get(), &sink_, std::move(options));
  thread_ = std::thread([this] {
    loop_->Run();
    runner_.reset();
  });
}

ExecEnv::~ExecEnv() {
  loop_->Stop();
  thread_.join();
}

v1::Action ExecEnv::Shell(std::string_view line) {
  v1::Action action;
  action.mutable_exec()->set_shell(std::string(line));
  return action;
}

uint64_t ExecEnv::Start(v1::Action action) {
  Offer offer{.lease = LeaseOf(++last_fence_),
              .name = "t",
              .action = std::make_shared<const v1::Action>(std::move(action)),
              .run_id = std::make_shared<const std::string>("shop-7")};
  const uint64_t fence = last_fence_;
  loop_->Post([this, offer = std::move(offer)]() mutable {
    std::vector<Offer> offers;
    offers.push_back(std::move(offer));
    runner_->Start(std::move(offers));
  });
  return fence;
}

uint64_t ExecEnv::StartShell(std::string_view line) {
  return Start(Shell(line));
}

Record ExecEnv::Await(uint64_t fence) {
  Record record =
      sink_.Await(fence, [](const Record& r) { return r.outcome.has_value(); });
  if (!record.outcome) record.outcome = Outcome{.message = "no outcome"};
  return record;
}

void ExecEnv::AwaitOutput(uint64_t fence, std::string_view text) {
  sink_.Await(fence, [text](const Record& r) {
    return r.out.find(text) != std::string::npos;
  });
}

void ExecEnv::AwaitUp(uint64_t fence) {
  sink_.Await(fence, [](const Record& r) { return r.up; });
}

void ExecEnv::Cancel(uint64_t fence) {
  loop_->Post([this, fence] {
    const Lease lease = LeaseOf(fence);
    runner_->Cancel({&lease, 1});
  });
}

void ExecEnv::ResumeOutput() {
  loop_->Post([this] { runner_->ResumeOutput(); });
}

}  // namespace w2t::worker
