// The daemon without gRPC, a disk or a clock: what workers send over any number
// of streams, in any order, true or not, while clients submit, restart, revise
// and cancel, time passes, the journal fails and the daemon is killed. The
// input is a program of such steps. What is left is always what the journal
// says.
#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "proto/wire/graph_codec.h"
#include "proto/wire/journal_codec.h"
#include "server/loop/loop.h"
#include "server/rpc/dispatcher.h"
#include "server/rpc/session_set.h"
#include "tests/fuzz/graphs.h"
#include "tests/fuzz/program.h"
#include "tests/support/memory_journal.h"

namespace {

using w2t::fuzz::Program;
using w2t::fuzz::Require;
namespace server = w2t::server;
namespace v1 = w2t::v1;

constexpr uint32_t kStreams = 3;
constexpr size_t kMostOffers = 64;

// A worker's stream, whose calls are answered when the program says so.
class Stream final : public server::SessionStream {
 public:
  explicit Stream(std::deque<std::array<uint64_t, 4>>* offers)
      : offers_(offers) {}

  void Read() override {
    Require(!reading && !finished);
    reading = true;
  }
  void Write(const v1::SessionResponse& message, bool) override {
    Require(!writing && !finished);
    Require(message.ByteSizeLong() > 0);
    Require(message.has_welcome() == !welcomed);
    welcomed = true;
    writing = true;
    const v1::LeaseColumns& leases = message.offers().leases();
    for (int i = 0; i < leases.run_size(); ++i) {
      offers_->push_back(
          {leases.run(i), leases.task(i), leases.attempt(i), leases.fence(i)});
      if (offers_->size() > kMostOffers) offers_->pop_front();
    }
  }
  void Finish(const absl::Status&) override {
    Require(!finished);
    finished = true;
  }

  bool reading = false;
  bool writing = false;
  bool finished = false;
  bool welcomed = false;
  uint64_t report_seq = 0;
  uint64_t log_seq = 0;
  std::shared_ptr<server::Session> session;

 private:
  std::deque<std::array<uint64_t, 4>>* const offers_;
};

// A log store that is full when the program says so.
class Logs final : public w2t::LogSink {
 public:
  bool Append(std::vector<w2t::LogPiece>&&,
              absl::AnyInvocable<void()>&& done) override {
    if (full) return false;
    if (done) waiting_.push_back(std::move(done));
    return true;
  }
  void WhenRoom(absl::AnyInvocable<void()> room) override {
    room_.push_back(std::move(room));
  }
  void MarkEnded(const w2t::LogName&) override {}
  void Forget(const std::string&) override {}

  void Run() {
    CallAll(waiting_);
    if (!full) CallAll(room_);
  }

  bool full = false;

 private:
  static void CallAll(std::vector<absl::AnyInvocable<void()>>& calls) {
    for (auto& call : std::exchange(calls, {})) call();
  }
  std::vector<absl::AnyInvocable<void()>> waiting_;
  std::vector<absl::AnyInvocable<void()>> room_;
};

server::ServerLimits SmallLimits() {
  server::ServerLimits limits;
  limits.max_runs = 6;
  limits.max_live_tasks = 40;
  limits.max_lost_attempts = 3;
  limits.max_session_window = 4;
  limits.max_outbox_bytes = 4'096;
  limits.max_workers = 4;
  return limits;
}

// One life of the daemon.
struct Daemon {
  explicit Daemon(const server::ServerLimits* limits, w2t::Journal* journal)
      : inbox(limits->max_inbox, limits->max_inbox_bytes),
        sessions(limits, &inbox, &logs),
        dispatcher(limits, &sessions, &hub, &logs),
        loop({.engine = {.limits = *limits}}, journal, &inbox, &dispatcher) {}

  server::Inbox inbox;
  Logs logs;
  server::WatchHub hub;
  server::SessionSet sessions;
  server::Dispatcher dispatcher;
  server::Loop loop;
};

class Harness {
 public:
  explicit Harness(Program program) : program_(program) { Begin(); }
  ~Harness() { Die(); }

  void Run() {
    while (!program_.done()) Step();
    journal_.error = absl::OkStatus();
    Turn(absl::Minutes(10));
    CheckJournal();
  }

 private:
  void Begin() {
    daemon_ = std::make_unique<Daemon>(&limits_, &journal_);
    Require(daemon_->loop.Replay(now_).ok());
    daemon_->dispatcher.Begin(daemon_->loop.view());
  }
  // Killed: its streams break.
  void Die() {
    for (auto& stream : streams_) {
      if (stream != nullptr) Break(*stream);
      stream.reset();
    }
    daemon_.reset();
  }

  void Step() {
    Stream* stream = streams_[program_.Below(kStreams)].get();
    const uint32_t step = program_.Below(16);
    if (stream != nullptr && stream->finished) {
      Break(*stream);
      for (auto& place : streams_) {
        if (place.get() == stream) place.reset();
      }
      return;
    }
    switch (step) {
      case 0:
        return Submit();
      case 1:
        return Cancel();
      case 2:
        return Turn(absl::Milliseconds(program_.Byte()));
      case 3:
        return Turn(absl::Seconds(program_.Byte()));
      case 4:
        return Rare();
      case 5:
        return Open();
      default:
        if (stream != nullptr) Say(*stream, step);
        return Turn(absl::ZeroDuration());
    }
  }

  void Rare() {
    switch (program_.Below(6)) {
      case 0:
        journal_.error = program_.Flag() ? absl::ResourceExhaustedError("full")
                                         : absl::OkStatus();
        return;
      case 1:
        daemon_->logs.full = program_.Flag();
        return;
      case 2:
        journal_.error = absl::OkStatus();
        Die();
        Begin();
        return;
      case 3:
        return Ask(
            w2t::DrainWorkerEvent{.worker = Name(), .undo = program_.Flag()});
      case 4:
        return Change();
      default:
        return CheckJournal();
    }
  }

  void Open() {
    for (auto& place : streams_) {
      if (place != nullptr) continue;
      place = std::make_unique<Stream>(&offers_);
      auto session = daemon_->sessions.Open("peer", place.get());
      if (session.ok()) {
        place->session = *std::move(session);
      } else {
        place.reset();
      }
      return;
    }
  }

  // The end of a stream as gRPC tells it.
  static void Break(Stream& stream) {
    server::Session& session = *stream.session;
    session.OnCancelled();
    if (std::exchange(stream.reading, false)) session.OnReadFailed();
    if (std::exchange(stream.writing, false)) session.OnWritten(false);
    Require(stream.finished);
    session.OnDone();
  }

  void Say(Stream& stream, uint32_t what) {
    if (what == 6) {
      stream.session->OnCancelled();
      return;
    }
    if (what == 7) {
      if (std::exchange(stream.writing, false)) stream.session->OnWritten(true);
      return;
    }
    if (!std::exchange(stream.reading, false)) return;
    v1::SessionRequest request;
    Fill(stream, what, request);
    stream.session->OnRead(request);
  }

  void Fill(Stream& stream, uint32_t what, v1::SessionRequest& request) {
    switch (what) {
      case 8:
        return Hello(*request.mutable_hello());
      case 9:
      case 10:
      case 11:
        return Reports(stream, *request.mutable_reports());
      case 12: {
        v1::LogBatch& logs = *request.mutable_logs();
        logs.set_seq(program_.Below(16) == 0 ? program_.Byte()
                                             : ++stream.log_seq);
        v1::TaskLogChunk& chunk = *logs.add_chunks();
        const auto lease = Lease();
        chunk.set_run(lease[0]);
        chunk.set_task(static_cast<uint32_t>(lease[1]));
        chunk.set_attempt(static_cast<uint32_t>(lease[2]));
        chunk.set_fence(lease[3]);
        chunk.mutable_chunk()->set_data("x");
        return;
      }
      case 13:
        request.mutable_pong();
        return;
      case 14:
        request.mutable_leave();
        return;
      default: {
        const std::string_view bytes = program_.Bytes();
        if (!request.ParseFromArray(bytes.data(),
                                    static_cast<int>(bytes.size()))) {
          request.Clear();
        }
        return;
      }
    }
  }

  std::string Name() { return std::string(1, "abc"[program_.Below(3)]); }

  void Hello(v1::Hello& hello) {
    hello.set_name(Name());
    const uint32_t life = program_.Byte();
    hello.set_instance((life & 1) != 0 ? "1" : "2");
    if ((life & 2) != 0) hello.set_stream((life & 4) != 0 ? life : ++dials_);
    hello.set_restarted((life & 8) != 0);
    hello.set_protocol(1);
    hello.set_exec(true);
    hello.set_max_leases(1 + program_.Below(8));
    v1::Resource& cpus = *hello.add_resources();
    cpus.set_name("cpus");
    cpus.set_milli(1'000 * (1 + program_.Below(4)));
    for (uint32_t i = program_.Below(5); i > 0; --i) {
      Add(Lease(), *hello.mutable_held());
    }
  }

  void Reports(Stream& stream, v1::ReportBatch& batch) {
    batch.set_seq(program_.Below(8) == 0 ? program_.Byte()
                                         : ++stream.report_seq);
    for (uint32_t i = 1 + program_.Below(4); i > 0; --i) {
      Add(Lease(), *batch.mutable_leases());
      constexpr v1::TaskState kStates[] = {
          v1::TASK_STATE_RUNNING,   v1::TASK_STATE_UP,
          v1::TASK_STATE_SUCCEEDED, v1::TASK_STATE_FAILED,
          v1::TASK_STATE_TIMED_OUT, v1::TASK_STATE_CANCELLED};
      const uint32_t state = program_.Below(32);
      batch.add_state(state < 30 ? kStates[state % 6]
                                 : static_cast<v1::TaskState>(state));
      batch.add_exit_code(program_.Below(3));
    }
  }

  // Mostly one that was offered, sometimes one that never was.
  std::array<uint64_t, 4> Lease() {
    const uint32_t choice = program_.Byte();
    if (choice < 240 && !offers_.empty()) {
      return offers_[offers_.size() - 1 - choice % offers_.size()];
    }
    return {program_.Below(8), program_.Below(8), program_.Below(4),
            program_.Byte()};
  }
  static void Add(const std::array<uint64_t, 4>& lease,
                  v1::LeaseColumns& columns) {
    columns.add_run(lease[0]);
    columns.add_task(static_cast<uint32_t>(lease[1]));
    columns.add_attempt(static_cast<uint32_t>(lease[2]));
    columns.add_fence(lease[3]);
  }

  void Submit() {
    w2t::wire::DecodedGraph decoded =
        w2t::wire::DecodeGraph(w2t::fuzz::MakeGraph(program_), limits_);
    if (decoded.blueprint == nullptr) return;
    w2t::SubmitEvent event;
    event.hold = program_.Flag();
    if (program_.Flag()) event.request_id = Name();
    event.blueprint = std::move(decoded.blueprint);
    event.definition = std::move(decoded.definition);
    static_cast<void>(daemon_->inbox.TryCall(
        std::move(event),
        [this](const server::Answer& answer, const server::View* view) {
          if (!answer.status.ok() || view == nullptr) return;
          // One that was there already may have been forgotten in this step.
          const bool known = view->engine.FindRun(answer.run_id) != nullptr;
          Require(known || answer.existing);
          runs_.push_back(answer.run_id);
        }));
  }

  const std::string& RunId() {
    return runs_[program_.Below(
        static_cast<uint32_t>(std::min<size_t>(runs_.size(), 256)))];
  }

  template <typename Event>
  void Ask(Event event) {
    static_cast<void>(daemon_->inbox.TryCall(
        std::move(event), [](const server::Answer&, const server::View*) {}));
  }

  void Cancel() {
    if (!runs_.empty()) Ask(w2t::CancelEvent{.run_id = RunId()});
  }

  void Change() {
    if (runs_.empty()) return;
    const std::string& run_id = RunId();
    const w2t::Run* run = daemon_->loop.view().engine.FindRun(run_id);
    if (run == nullptr || program_.Flag()) {
      const char task = static_cast<char>('a' + program_.Below(8));
      return Ask(
          w2t::RestartEvent{.run_id = run_id, .tasks = {std::string(1, task)}});
    }
    v1::Graph running;
    running.ParseFromString(std::string(run->spec().definition->encoded()));
    w2t::wire::GraphMerge merge = w2t::fuzz::ReviseGraph(program_, running);
    w2t::wire::DecodedGraph decoded = w2t::wire::DecodeGraph(
        merge.graph, limits_, w2t::wire::GraphUse::kRevision);
    if (decoded.blueprint == nullptr) return;
    Ask(w2t::ReviseEvent{.run_id = run_id,
                         .base_revision = run->revision(),
                         .blueprint = std::move(decoded.blueprint),
                         .definition = std::move(decoded.definition),
                         .changed = std::move(merge.changed)});
  }

  void Turn(absl::Duration later) {
    now_ += later;
    server::Inbox::Batch batch;
    daemon_->inbox.Pop(absl::InfinitePast(), &batch);
    daemon_->loop.Turn(batch, now_);
    daemon_->logs.Run();
  }

  void CheckJournal() {
    if (daemon_->loop.stalled()) return;
    w2t::Engine replayed({.limits = limits_});
    for (const std::string& bytes : journal_.batches) {
      const auto batch = w2t::wire::DecodeBatch(bytes);
      Require(batch.ok() && replayed.Replay(*batch).ok());
    }
    Require(replayed.Hash() == daemon_->loop.view().engine.Hash());
  }

  Program program_;
  const server::ServerLimits limits_ = SmallLimits();
  w2t::test::MemoryJournal journal_;
  absl::Time now_ = absl::FromUnixSeconds(1'000'000'000);
  std::unique_ptr<Daemon> daemon_;
  std::array<std::unique_ptr<Stream>, kStreams> streams_;
  std::deque<std::array<uint64_t, 4>> offers_;
  std::vector<std::string> runs_;
  uint64_t dials_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 2'048) return 0;
  Harness(Program(data, size)).Run();
  return 0;
}
