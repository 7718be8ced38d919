// A worker's session, told anything by its daemon in any order, while its
// attempts start, print and end. The input is a program of such steps.
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "client/worker/session/session_state.h"
#include "tests/fuzz/program.h"

namespace {

using w2t::fuzz::Program;
using w2t::fuzz::Require;
using w2t::worker::Lease;
using w2t::worker::SessionState;
namespace v1 = w2t::v1;

constexpr uint32_t kFences = 24;

class Harness {
 public:
  explicit Harness(Program program)
      : program_(program),
        adopted_(program_.Below(4)),
        session_(Identity(adopted_ > 0)) {}

  void Run() {
    for (uint32_t i = 0; i < adopted_; ++i) Adopt();
    session_.StreamOpened();
    while (!program_.done()) {
      Step();
      Require(session_.running() <= session_.held());
    }
    // Whatever has happened, a daemon that behaves gets everything.
    Open();
    Drain();
    Require(session_.running() <= session_.held());
  }

 private:
  static v1::Hello Identity(bool restarted) {
    v1::Hello hello;
    hello.set_name("w");
    hello.set_restarted(restarted);
    return hello;
  }

  void Adopt() {
    const Lease lease = Named();
    const uint64_t printed = program_.Byte();
    session_.Adopt(lease, static_cast<v1::TaskState>(4 + program_.Below(3)),
                   printed);
    ++offered_[lease.fence];
    printed_[lease.fence] += printed;
  }

  void Print() {
    const Lease lease = Named();
    const std::string_view data = program_.Bytes();
    const uint64_t dropped = program_.Byte();
    printed_[lease.fence] += data.size() + dropped;
    session_.Printed(lease, v1::LOG_STREAM_STDOUT, 1, data, dropped);
  }

  void Step() {
    switch (program_.Below(12)) {
      case 0:
        return Open();
      case 1:
        return Welcome();
      case 2:
        return Offers();
      case 3:
        return Columns(*response_.mutable_cancels()->mutable_leases()), Give();
      case 4:
        response_.mutable_ack()->set_through_seq(program_.Byte());
        response_.mutable_ack()->set_logs_through_seq(program_.Byte());
        return Give();
      case 5:
        return Any();
      case 6:
        return session_.Started(Named());
      case 7:
        session_.Up(Named());
        return TakeStartable();
      case 8:
        return session_.Ended(Named(), Ending());
      case 9:
        return Print();
      case 10:
        return Rare();
      default:
        return Write(1 + static_cast<int>(program_.Below(4)));
    }
  }

  void Rare() {
    switch (program_.Below(8)) {
      case 0:
        return session_.Leave("bye");
      case 1:
        // With the end of the last stream; numbers begin anew.
        session_.Abandon();
        batches_.clear();
        return Open();
      case 2:
        response_.mutable_ping()->set_nonce(program_.Byte());
        return Give();
      case 3:
        response_.mutable_drain()->set_reason("drain");
        return Give();
      default:
        // Several things in one message.
        response_.mutable_ping();
        Columns(*response_.mutable_cancels()->mutable_leases());
        return Offers();
    }
  }

  void Open() {
    session_.StreamOpened();
    hello_sent_ = false;
    welcomed_ = false;
    held_told_ = 0;
    last_report_ = 0;
    last_log_ = 0;
  }

  void Welcome() {
    v1::Welcome& welcome = *response_.mutable_welcome();
    // Mostly the right number of verdicts.
    const int count = program_.Below(8) == 0
                          ? static_cast<int>(program_.Below(8))
                          : held_told_;
    for (int i = 0; i < count; ++i) {
      welcome.add_verdicts(static_cast<v1::HeldVerdict>(program_.Below(6)));
    }
    welcome.set_max_log_batches(program_.Below(4));
    welcome.mutable_ping_interval()->set_seconds(program_.Byte() - 10);
    Give();
  }

  void Columns(v1::LeaseColumns& leases) {
    for (uint32_t i = program_.Below(6); i > 0; --i) {
      const Lease lease = Named();
      leases.add_run(lease.run);
      leases.add_task(lease.task);
      leases.add_attempt(lease.attempt);
      leases.add_fence(lease.fence);
    }
    if (program_.Byte() == 255) leases.add_run(1);
  }

  void Offers() {
    v1::OfferBatch& offers = *response_.mutable_offers();
    Columns(*offers.mutable_leases());
    for (int i = 0; i < offers.leases().fence_size(); ++i) {
      const uint32_t what = program_.Byte();
      offers.add_action(what % 4);
      offers.add_name("t");
      if (what >= 128) offers.add_services(static_cast<uint32_t>(i));
      if (program_.Below(4) == 0) AddCondition(offers);
    }
    if (program_.Flag()) offers.add_unhurried(Named().fence);
    if (program_.Flag()) {
      v1::OfferedAction& action = *offers.add_new_actions();
      action.set_id(program_.Below(4));
      action.mutable_action()->mutable_exec()->set_shell("true");
    }
    if (program_.Flag()) {
      v1::OfferedRun& run = *offers.add_new_runs();
      run.set_run(1 + program_.Below(3));
      run.set_run_id("r");
    }
    Give();
  }

  void AddCondition(v1::OfferBatch& offers) {
    v1::OfferCondition& condition = *offers.add_conditions();
    condition.set_position(program_.Below(6));
    condition.set_fence(Named().fence);
    condition.set_state(static_cast<v1::TaskState>(4 + program_.Below(8)));
  }

  void TakeStartable() {
    const auto offers = session_.TakeStartable();
    Take(offers);
    std::vector<Lease> leases;
    for (const auto& offer : offers) leases.push_back(offer.lease);
    session_.HandedOver(leases);
  }

  void Take(const std::vector<w2t::worker::Offer>& offers) {
    for (const auto& offer : offers) {
      Require(offer.action != nullptr && offer.run_id != nullptr);
      Require(offered_[offer.lease.fence] > ended_[offer.lease.fence]);
    }
  }

  void Any() {
    const std::string_view bytes = program_.Bytes();
    if (response_.ParseFromArray(bytes.data(),
                                 static_cast<int>(bytes.size()))) {
      Give();
    }
    response_.Clear();
  }

  void Give() {
    w2t::worker::Todo todo;
    for (const uint64_t fence : response_.offers().leases().fence()) {
      ++offered_[fence];
    }
    const absl::Status status = session_.OnMessage(response_, todo);
    response_.Clear();
    if (!status.ok()) {
      Require(!status.message().empty());
      // What was begun is done all the same; then the worker dials again.
      return Open();
    }
    welcomed_ |= todo.welcomed;
    ever_welcomed_ |= todo.welcomed;
    for (const auto& taken : todo.output_taken) {
      Require(taken.bytes <= printed_[taken.fence]);
    }
    for (const uint64_t fence : todo.forgotten) Require(offered_[fence] > 0);
    Take(todo.start);
    TakeStartable();
  }

  // The fence names an attempt; the rest follows from it, except when not.
  Lease Named() {
    const uint32_t fence = 1 + program_.Below(kFences);
    return {1 + fence % 3, fence % 5, 1 + fence / 8, fence};
  }

  w2t::worker::Outcome Ending() {
    w2t::worker::Outcome outcome;
    outcome.state = static_cast<v1::TaskState>(10 + program_.Below(5));
    outcome.exit_code = program_.Byte();
    if (program_.Flag()) outcome.message = "m";
    return outcome;
  }

  void Write(int count) {
    session_.Release();
    for (bool more = false; count > 0; --count) {
      const bool promised = more;
      const auto message = session_.NextMessage(&more);
      Require(message != nullptr || !promised);
      if (message == nullptr) return;
      Check(*message);
    }
  }
  void Drain() {
    response_.mutable_welcome();
    Write(1);
    for (int i = 0; i < held_told_; ++i) {
      response_.mutable_welcome()->add_verdicts(v1::HELD_VERDICT_KEEP);
    }
    Give();
    for (int i = 0; i < 1'000 && !session_.log_full(); ++i) {
      const uint64_t before = last_report_ + last_log_;
      Write(4);
      response_.mutable_ack()->set_through_seq(last_report_);
      response_.mutable_ack()->set_logs_through_seq(last_log_);
      Give();
      if (last_report_ + last_log_ == before) break;
    }
    Require(session_.held() == session_.running());
  }

  void Check(const v1::SessionRequest& message) {
    Require(message.has_hello() == !hello_sent_);
    if (message.has_hello()) {
      hello_sent_ = true;
      held_told_ = message.hello().held().fence_size();
      Require(static_cast<size_t>(held_told_) == session_.held());
      Require(message.hello().restarted() == (adopted_ > 0 && !ever_welcomed_));
      return;
    }
    Require(welcomed_);
    if (message.has_reports()) CheckReports(message.reports());
    if (message.has_logs()) {
      Require(message.logs().seq() == ++last_log_);
      Require(message.logs().chunks_size() > 0);
    }
  }

  void CheckReports(const v1::ReportBatch& batch) {
    Require(batch.seq() > last_report_);
    last_report_ = batch.seq();
    const int size = batch.state_size();
    Require(batch.leases().fence_size() == size &&
            batch.exit_code_size() == size);
    const auto [it, first] = batches_.emplace(batch.seq(), size);
    // Sent again, a batch may have lost reports that nobody waits for.
    Require(first ? size > 0 : size <= it->second);
    it->second = size;
    if (!first) return;
    for (int i = 0; i < size; ++i) {
      const uint64_t fence = batch.leases().fence(i);
      Require(offered_[fence] > ended_[fence]);
      if (batch.state(i) >= v1::TASK_STATE_SUCCEEDED) ++ended_[fence];
    }
  }

  Program program_;
  const uint32_t adopted_;
  SessionState session_;
  v1::SessionResponse response_;
  // Of this stream.
  bool hello_sent_ = false;
  bool welcomed_ = false;
  int held_told_ = 0;
  uint64_t last_report_ = 0;
  uint64_t last_log_ = 0;
  // Of all streams.
  bool ever_welcomed_ = false;
  std::map<uint64_t, uint64_t> printed_;  // bytes at most, by fence
  std::map<uint64_t, int> batches_;       // reports in each
  // How often, by fence: a daemon may offer one again, and a worker takes it
  // for new once it is rid of the first.
  std::map<uint64_t, int> offered_;
  std::map<uint64_t, int> ended_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 4'096) return 0;
  Harness(Program(data, size)).Run();
  return 0;
}
