// Stream: one gRPC call of WorkerService.Session. The only place of the worker
// that sees gRPC.
#ifndef W2T_CLIENT_WORKER_SESSION_STREAM_H_
#define W2T_CLIENT_WORKER_SESSION_STREAM_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "w2t/v1/worker_service.pb.h"

namespace w2t::worker {

class Stream {
 public:
  // Told by gRPC's threads, never from within a call of Stream.
  class Listener {
   public:
    virtual ~Listener() = default;
    // One at a time. The message is reused afterwards.
    virtual void OnMessage(v1::SessionResponse& message) = 0;
    // The write is through, well or not: the message is not needed any more.
    virtual void OnWritten(bool ok) = 0;
    // No message will come any more. Unless a write is under way, Release is
    // due; else after its OnWritten.
    virtual void OnReadClosed() = 0;
    // The last call. The stream may be destroyed from here on.
    virtual void OnClosed(absl::Status status) = 0;
  };

  virtual ~Stream() = default;

  // Dials. Once, before all the others. The stream must live until OnClosed.
  virtual void Open() = 0;
  // At most one is under way; `message` must stay as it is until OnWritten.
  // `more`: another write follows at once, so this one may wait for it. Only
  // before Release.
  virtual void Write(const v1::SessionRequest& message, bool more) = 0;
  // No Write will come any more. Once.
  virtual void Release() = 0;
  // Breaks the call, unless it has ended. Any time before destruction.
  virtual void Cancel() = 0;
};

// A session with the daemon at `server` ("unix:PATH" or "HOST:PORT"), on a
// connection of its own. Failures are told by Listener::OnClosed.
std::unique_ptr<Stream> MakeStream(const std::string& server,
                                   Stream::Listener* listener);

}  // namespace w2t::worker

#endif  // W2T_CLIENT_WORKER_SESSION_STREAM_H_
