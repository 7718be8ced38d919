#include "tests/sim/sim_liar.h"

#include <utility>

namespace w2t::sim {

SimLiar::SimLiar(SimClock* clock, Oracle* oracle, SimDaemon* daemon,
                 Random random, v1::Hello identity)
    : clock_(clock),
      oracle_(oracle),
      daemon_(daemon),
      random_(random),
      identity_(std::move(identity)) {}

void SimLiar::Start() { Act(); }

void SimLiar::Stop() {
  stopped_ = true;
  if (stream_ != nullptr) {
    std::exchange(stream_, nullptr)->Cancel(absl::ZeroDuration());
  }
}

void SimLiar::Act() {
  if (stopped_) return;
  if (stream_ == nullptr) {
    stream_ = SimStream::Dial(
        clock_, random_.Fork(), daemon_, &wire_,
        {.on_message =
             [this](v1::SessionResponse& message) {
               const v1::LeaseColumns& leases = message.offers().leases();
               for (int i = 0; i < leases.run_size(); ++i) {
                 oracle_->GoesToALiar(leases.run(i), leases.task(i));
               }
               offered_.MergeFrom(leases);
             },
         .on_writable = [] {},
         .on_closed = [this](const absl::Status&) { stream_ = nullptr; }});
    if (random_.Chance(90)) {
      v1::SessionRequest hello;
      *hello.mutable_hello() = identity_;
      if (random_.Chance(30)) {
        AddLease(hello.mutable_hello()->mutable_held());
      }
      stream_->Send(hello);
    }
  } else if (stream_->writable()) {
    stream_->Send(Lie());
  }
  clock_->After(random_.Between(absl::Milliseconds(20), absl::Seconds(1)),
                [this] { Act(); });
}

v1::SessionRequest SimLiar::Lie() {
  v1::SessionRequest message;
  const uint64_t dice = random_.Below(100);
  if (dice < 75) return LieInReports();
  if (dice < 85) {
    message.mutable_pong()->set_nonce(random_.Next());
  } else if (dice < 93) {
    v1::LogBatch* logs = message.mutable_logs();
    logs->set_seq(1 + random_.Below(20));
    v1::TaskLogChunk* chunk = logs->add_chunks();
    chunk->set_run(random_.Below(5));
    chunk->set_task(static_cast<uint32_t>(random_.Below(20)));
    chunk->set_attempt(1);
    chunk->set_fence(random_.Below(50));
    chunk->mutable_chunk()->set_data("a lie");
  } else if (dice < 95) {
    *message.mutable_hello() = identity_;
  }  // else nothing at all
  return message;
}

void SimLiar::AddLease(v1::LeaseColumns* leases) {
  const bool own = offered_.run_size() > 0 && random_.Chance(50);
  if (own) {
    const auto i = static_cast<int>(
        random_.Below(static_cast<uint64_t>(offered_.run_size())));
    leases->add_run(offered_.run(i));
    leases->add_task(offered_.task(i));
    leases->add_attempt(offered_.attempt(i));
    leases->add_fence(offered_.fence(i) + (random_.Chance(20) ? 1 : 0));
    return;
  }
  const std::optional<LeaseRef> any = oracle_->AnyLease(random_);
  leases->add_run(any ? any->run.value : random_.Below(9));
  leases->add_task(any ? any->task : static_cast<uint32_t>(random_.Below(99)));
  leases->add_attempt(any ? any->attempt : 1);
  leases->add_fence(any ? any->fence.value : random_.Below(99));
}

v1::SessionRequest SimLiar::LieInReports() {
  v1::SessionRequest message;
  v1::ReportBatch* reports = message.mutable_reports();
  reports->set_seq(random_.Chance(80) ? ++seq_ : random_.Below(100));
  const uint64_t size = random_.Between(1, 4);
  for (uint64_t i = 0; i < size; ++i) {
    AddLease(reports->mutable_leases());
    const uint64_t state =
        random_.Chance(85) ? (random_.Chance(30) ? 5 : 10 + random_.Below(3))
                           : random_.Below(17);
    reports->add_state(static_cast<v1::TaskState>(state));
    reports->add_exit_code(static_cast<int32_t>(random_.Below(3)));
  }
  if (random_.Chance(3)) reports->add_exit_code(7);
  oracle_->Says(*reports);
  return message;
}

}  // namespace w2t::sim
