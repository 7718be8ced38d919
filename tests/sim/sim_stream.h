// SimStream: the stream between a worker and the daemon, in place of gRPC.
//
// It breaks whenever either side or the world wants it; what is on its way is
// then lost, and each side learns of it in its own time.
#ifndef W2T_TESTS_SIM_SIM_STREAM_H_
#define W2T_TESTS_SIM_SIM_STREAM_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "server/rpc/session.h"
#include "tests/sim/channel.h"
#include "tests/sim/sim_daemon.h"
#include "w2t/v1/worker_service.pb.h"

namespace w2t::sim {

class SimStream : public server::SessionStream,
                  public std::enable_shared_from_this<SimStream> {
 public:
  // What the worker hears. Nothing after OnClosed, or its own Cancel.
  struct Listener {
    std::function<void(v1::SessionResponse&)> on_message;
    std::function<void()> on_writable;
    std::function<void(const absl::Status&)> on_closed;
  };
  // Messages on their way in one direction.
  static constexpr size_t kWindow = 6;

  static std::shared_ptr<SimStream> Dial(SimClock* clock, Random random,
                                         SimDaemon* daemon, const Wire* wire,
                                         Listener listener);

  // The worker's side. Writable until the window is full.
  bool writable() const;
  void Send(const v1::SessionRequest& message);
  // The daemon is told after `linger`; what was sent before still arrives.
  void Cancel(absl::Duration linger);
  // While it does not read, the daemon's messages wait.
  void SetReading(bool reading);

  // The connection is gone, and with it the daemon's process perhaps.
  void Break();

  // The daemon's side.
  void Read() override;
  void Write(const v1::SessionResponse& message, bool more) override;
  void Finish(const absl::Status& status) override;

 private:
  struct Down {  // to the worker
    v1::SessionResponse message;
    std::optional<absl::Status> end;
  };

  SimStream(SimClock* clock, Random random, SimDaemon* daemon, const Wire* wire,
            Listener listener);

  void Open();
  // Calls the session soon, in its process if that still lives.
  void Later(absl::AnyInvocable<void(server::Session&)> call);
  bool has_daemon() const;
  void Offer();
  void Hand();
  void Acknowledge();
  void EndDaemonSide();
  void CloseWorkerSide(const absl::Status& status);

  SimClock* const clock_;
  Random random_;
  SimDaemon* const daemon_;
  const Wire* const wire_;
  Listener listener_;
  bool worker_open_ = true;
  bool reading_ = true;
  std::deque<Down> arrived_;  // at the worker, and not read

  uint64_t process_ = 0;  // of the daemon
  std::shared_ptr<server::Session> session_;
  bool read_due_ = false;
  bool write_due_ = false;
  bool finished_ = false;
  std::deque<v1::SessionRequest> waiting_;  // at the daemon, and not read

  std::optional<Channel<v1::SessionRequest>> up_;
  std::optional<Channel<Down>> down_;
};

}  // namespace w2t::sim

#endif  // W2T_TESTS_SIM_SIM_STREAM_H_
