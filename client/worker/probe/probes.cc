#include "client/worker/probe/probes.h"

#include <fmt/format.h>
#include <unistd.h>

#include <utility>

#include "client/worker/exec/command.h"

namespace w2t::worker {

absl::StatusOr<std::unique_ptr<Probes>> Probes::Create(
    const Prober::Services& services, NotifyFolder* folder,
    const std::string& notify, const v1::Action& action, SpawnSpec* task,
    Events events) {
  if (!action.has_ready() && !action.has_live()) return nullptr;
  std::unique_ptr<Probes> probes(new Probes(std::move(events)));
  if (action.ready().has_notify() || action.live().has_notify()) {
    auto socket = NotifySocket::Open(services.loop, folder, notify);
    if (!socket.ok()) return socket.status();
    probes->socket_ = *std::move(socket);
    SetVariable("NOTIFY_SOCKET", probes->socket_->name(), task);
  }
  Probes* const self = probes.get();
  const auto make = [&](Prober::Purpose purpose, const v1::Probe& probe) {
    return Prober::Create(services, purpose, probe, *task,
                          {.passed = [self] { self->OnReady(); },
                           .failed =
                               [self](std::string why) {
                                 self->Cancel();
                                 self->events_.failed(std::move(why));
                               },
                           .missed =
                               [self, purpose](MissedProbe probe) {
                                 if (purpose == Prober::Purpose::kReady) {
                                   self->events_.missed(std::move(probe));
                                 }
                               }});
  };
  if (action.has_live()) {
    auto live = make(Prober::Purpose::kLive, action.live());
    if (!live.ok()) return live.status();
    probes->live_ = *std::move(live);
    if (action.live().has_notify()) {
      SetVariable(
          "WATCHDOG_USEC",
          fmt::format("{}", absl::ToInt64Microseconds(probes->live_->every())),
          task);
    }
  }
  if (action.has_ready()) {
    auto ready = make(Prober::Purpose::kReady, action.ready());
    if (!ready.ok()) return ready.status();
    probes->ready_ = *std::move(ready);
  }
  return probes;
}

void Probes::Start(pid_t group, bool up) {
  group_ = group;
  if (up) ready_.reset();
  if (ready_ != nullptr) {
    ready_->Start();
  } else if (live_ != nullptr) {
    live_->Start();
  }
  if (socket_ == nullptr) return;
  socket_->Start(
      group,
      {.heard = [this](const Notification& n) { OnNotified(n); },
       .refused = [this](std::string why) { events_.note(std::move(why)); }});
}

void Probes::OnReady() {
  if (live_ != nullptr) live_->Start();
  events_.up();
}

void Probes::OnNotified(const Notification& said) {
  if (said.main_pid) {
    if (getpgid(*said.main_pid) == group_) {
      main_pid_ = *said.main_pid;
    } else {
      events_.note(fmt::format(
          "MAINPID={} was ignored: it is not of the task's process group",
          *said.main_pid));
    }
  }
  // Who stops by itself is no longer asked whether it is alive.
  if (said.stopping && live_ != nullptr) live_->Cancel();
  if (live_ != nullptr) live_->OnNotified(said);
  if (ready_ != nullptr) ready_->OnNotified(said);
}

void Probes::OnOutput(v1::LogStream stream, std::string_view data) {
  if (ready_ != nullptr) ready_->OnOutput(stream, data);
}

void Probes::OnEnding() {
  if (socket_ != nullptr) socket_->Drain();
}

void Probes::OnOutputEnded() {
  if (ready_ != nullptr) ready_->OnOutputEnded();
}

void Probes::Cancel() {
  if (ready_ != nullptr) ready_->Cancel();
  if (live_ != nullptr) live_->Cancel();
}

}  // namespace w2t::worker
