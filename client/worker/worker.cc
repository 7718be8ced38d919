#include "w2t/worker.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <optional>

#include "absl/time/clock.h"
#include "client/worker/exec/command.h"
#include "client/worker/exec/exec_runner.h"
#include "client/worker/handler/handler_pool.h"
#include "client/worker/log.h"
#include "client/worker/loop/loop.h"
#include "client/worker/options.h"
#include "client/worker/session/session.h"
#include "client/worker/state/files.h"
#include "client/worker/state/state_folder.h"
#include "w2t/limits.h"

namespace w2t::worker {

namespace {

// After Stop programs have this long to end by themselves.
constexpr absl::Duration kStopGrace = absl::Seconds(2);
// Functions that do not look whether they are to stop keep the session open no
// longer than this.
constexpr absl::Duration kStopPatience = absl::Seconds(4);
// The daemon has this long to acknowledge how the last one ended.
constexpr absl::Duration kAckPatience = absl::Seconds(1);
constexpr absl::Duration kStopPoll = absl::Milliseconds(10);

// Returns the bound that children get.
rlimit RaiseOpenFiles() {
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  rlimit raised = before;
  raised.rlim_cur = raised.rlim_max;
  setrlimit(RLIMIT_NOFILE, &raised);
  return before;
}

}  // namespace

class Worker::Impl final : private Session::Delegate {
 public:
  explicit Impl(WorkerOptions options) : options_(std::move(options)) {
    WithDefaults(options_);
    absl::StatusOr<std::unique_ptr<Loop>> loop = Loop::Create();
    if (loop.ok()) {
      loop_ = *std::move(loop);
    } else {
      Reject(loop.status());
    }
  }

  void Handle(std::string name, Handler handler) {
    const Limits limits;
    if (name.empty() || name.size() > limits.max_name_bytes) {
      Reject(absl::InvalidArgumentError(
          fmt::format("the handler's name \"{}\" has {} bytes; it is 1 to "
                      "limits.max_name_bytes ({})",
                      name, name.size(), limits.max_name_bytes)));
    } else if (handlers_.size() >= limits.max_handlers) {
      Reject(absl::InvalidArgumentError(fmt::format(
          "more handlers than limits.max_handlers ({})", limits.max_handlers)));
    } else if (!handlers_.try_emplace(name, std::move(handler)).second) {
      Reject(absl::InvalidArgumentError(
          fmt::format("the handler \"{}\" is registered twice", name)));
    }
  }

  absl::Status Run() {
    if (result_.ok()) result_ = CheckOptions(options_);
    if (!result_.ok()) return result_;
    v1::Hello hello = MakeHello(options_, handlers_);
    if (options_.exec && !options_.state.empty()) {
      absl::StatusOr<std::unique_ptr<StateFolder>> state =
          StateFolder::Open(options_.state, kLockPatience, &hello);
      if (!state.ok()) return state.status();
      state_ = *std::move(state);
    }
    if (absl::Status status = OpenCgroups(); !status.ok()) return status;
    Session::Delegate* const delegate = this;
    session_ = std::make_unique<Session>(loop_.get(), options_.server,
                                         std::move(hello), delegate);
    if (options_.exec) {
      StartGuard();
      exec_ = std::make_unique<ExecRunner>(
          loop_.get(), session_.get(),
          ExecOptions{options_.name,
                      std::make_shared<const std::vector<std::string>>(
                          OwnEnvironment()),
                      RaiseOpenFiles(), guard_.get(), mark_, state_.get(),
                      cgroups_.get(), no_cgroups_, options_.max_starting});
      if (state_ != nullptr) exec_->Adopt(state_->Take());
    }
    if (!handlers_.empty()) {
      pool_ = std::make_unique<HandlerPool>(loop_.get(), session_.get(),
                                            &handlers_, options_.threads);
    }
    loop_->Post([this] { session_->Open(); });
    loop_->Run();
    pool_.reset();
    exec_.reset();
    guard_.reset();
    session_.reset();
    state_.reset();
    return result_;
  }

  void Drain() {
    if (loop_ == nullptr) return;
    loop_->Post([this] {
      if (!stopping_) session_->Leave("the worker was told to leave");
    });
  }
  void Stop() {
    if (loop_ == nullptr) return;
    loop_->Post([this] { BeginStop(); });
  }

 private:
  // Session::Delegate.
  void StartAttempts(std::vector<Offer> offers) override;
  void StopAttempts(std::vector<Lease> leases) override;
  void OnRoomForOutput() override {
    loop_->Post([this] {
      if (exec_ != nullptr) exec_->ResumeOutput();
    });
  }
  void OnOutputTaken(std::vector<OutputTaken> taken) override {
    if (state_ == nullptr) return;
    loop_->Post(
        [this, taken = std::move(taken)] { exec_->OutputTaken(taken); });
  }
  void OnForgotten(std::vector<uint64_t> fences) override {
    if (state_ == nullptr) return;
    loop_->Post([this, fences = std::move(fences)] { exec_->Forget(fences); });
  }
  void OnWelcomed() override {
    if (guard_ != nullptr) {
      guard_->SetReattachWindow(session_->reattach_window());
    }
    if (options_.on_connected) options_.on_connected();
  }
  void OnLeft() override { BeginStop(); }
  void OnRefused(absl::Status status) override {
    result_ = std::move(status);
    BeginStop();
  }
  void OnSessionClosed() override { session_closed_ = true; }

  void Reject(absl::Status status) {
    if (result_.ok()) result_ = std::move(status);
  }
  void Refuse(const Offer& offer, std::string_view why) {
    session_->Ended(offer.lease, {.state = v1::TASK_STATE_FAILED,
                                  .exit_code = 1,
                                  .message = std::string(why)});
  }
  absl::Status OpenCgroups() {
    if (!options_.exec || options_.cgroup == "none") {
      no_cgroups_ = "the worker was told to use no cgroups";
      return absl::OkStatus();
    }
    const bool own = options_.cgroup == "own";
    absl::StatusOr<std::unique_ptr<Cgroups>> cgroups =
        Cgroups::Open(own ? "" : options_.cgroup);
    if (cgroups.ok()) {
      cgroups_ = *std::move(cgroups);
      return absl::OkStatus();
    }
    no_cgroups_ = std::string(cgroups.status().message());
    return own ? absl::OkStatus() : cgroups.status();
  }
  void StartGuard() {
    KeeperPlan keeper;
    if (state_ != nullptr) {
      keeper.folder = state_->path();
      keeper.mark = state_->mark() + "-";
    }
    if (cgroups_ != nullptr) keeper.cgroups = cgroups_->parent();
    absl::StatusOr<std::unique_ptr<GroupGuard>> guard =
        GroupGuard::Start(mark_, std::move(keeper));
    if (guard.ok()) {
      guard_ = *std::move(guard);
    } else {
      Log(LogLevel::kWarn, "worker.unguarded error={}",
          Quoted(std::string(guard.status().message())));
    }
  }
  void BeginStop();
  void AwaitStopped();

  WorkerOptions options_;
  Handlers handlers_;
  // Not the instance, which may outlive this process: what an earlier one was
  // the end of is being killed meanwhile.
  const std::string mark_ = "g" + RandomName();
  absl::Status result_;
  std::unique_ptr<Loop> loop_;
  std::unique_ptr<StateFolder> state_;
  std::unique_ptr<Cgroups> cgroups_;  // null: there are none
  std::string no_cgroups_;            // why
  std::unique_ptr<Session> session_;
  std::unique_ptr<GroupGuard> guard_;
  std::unique_ptr<ExecRunner> exec_;
  std::unique_ptr<HandlerPool> pool_;
  // Of the loop's thread.
  bool stopping_ = false;
  bool stopped_ = false;
  bool closing_ = false;
  bool session_closed_ = false;
  absl::Time close_by_;
};

void Worker::Impl::StartAttempts(std::vector<Offer> offers) {
  std::vector<Offer> programs;
  std::vector<Offer> calls;
  for (Offer& offer : offers) {
    switch (offer.action->kind_case()) {
      case v1::Action::kExec:
        if (exec_ != nullptr) {
          programs.push_back(std::move(offer));
        } else {
          Refuse(offer, "this worker runs no programs");
        }
        break;
      case v1::Action::kHandler:
        if (pool_ != nullptr) {
          calls.push_back(std::move(offer));
        } else {
          Refuse(offer, fmt::format("this worker has no handler named \"{}\"",
                                    offer.action->handler().name()));
        }
        break;
      default:
        Refuse(offer, "this worker does not know how to do such an action");
    }
  }
  if (!calls.empty()) pool_->Start(std::move(calls));
  if (!programs.empty()) {
    loop_->Post([this, programs = std::move(programs)]() mutable {
      exec_->Start(std::move(programs));
    });
  }
}

void Worker::Impl::StopAttempts(std::vector<Lease> leases) {
  if (pool_ != nullptr) pool_->Cancel(leases);
  if (exec_ == nullptr) return;
  loop_->Post([this, leases = std::move(leases)] { exec_->Cancel(leases); });
}

void Worker::Impl::BeginStop() {
  if (stopping_) return;
  stopping_ = true;
  close_by_ = absl::Now() + kStopPatience;
  session_->Leave("the worker was told to stop");
  if (pool_ != nullptr) pool_->Stop();
  if (exec_ != nullptr) exec_->StopAll(kStopGrace);
  AwaitStopped();
}

void Worker::Impl::AwaitStopped() {
  const bool running = (exec_ != nullptr && exec_->running() > 0) ||
                       (pool_ != nullptr && pool_->running() > 0);
  const bool told = !running && !session_->HasLastWords();
  if (!running && !std::exchange(stopped_, true)) {
    close_by_ = std::min(close_by_, absl::Now() + kAckPatience);
  }
  if (!closing_ && (told || absl::Now() >= close_by_)) {
    closing_ = true;
    session_->Close();
  }
  if (session_closed_ && !running) {
    loop_->Stop();
    return;
  }
  loop_->After(kStopPoll, [this] { AwaitStopped(); });
}

Worker::Worker(WorkerOptions options)
    : impl_(std::make_unique<Impl>(std::move(options))) {}

Worker::~Worker() = default;

void Worker::Handle(std::string name, Handler handler) {
  impl_->Handle(std::move(name), std::move(handler));
}

absl::Status Worker::Run() { return impl_->Run(); }

void Worker::Drain() { impl_->Drain(); }

void Worker::Stop() { impl_->Stop(); }

}  // namespace w2t::worker
