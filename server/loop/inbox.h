// Inbox: everything on its way to the daemon's loop.
//
// Calls of clients are bounded in number and in bytes, and refused beyond that.
// Messages of workers are always taken, because each session bounds how many of
// its own it leaves unprocessed. Any thread puts in; the loop takes out all
// that has gathered, as one batch.
#ifndef W2T_SERVER_LOOP_INBOX_H_
#define W2T_SERVER_LOOP_INBOX_H_

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "core/engine/engine.h"
#include "server/loop/worker_names.h"

namespace w2t::server {

// What the loop owns, for those that run on it.
struct View {
  const Engine& engine;
  const WorkerNames& workers;
};

// Runs on the loop after the commit of its batch, so that it sees only what is
// durable. Null when there is nothing to look at; Inbox::WhyRefused says why.
using Query = absl::AnyInvocable<void(const View*)>;

// The engine's answer to a call: a SubmitReply or StatusReply.
struct Answer {
  absl::Status status;
  std::string run_id;
  bool existing = false;
};
using Reply = absl::AnyInvocable<void(const Answer&, const View*)>;

// What calls get that come too late.
absl::Status StoppingStatus();

class Inbox {
 public:
  struct Batch {
    std::vector<Query> early;  // to be run before the events
    std::vector<Event> events;
    // For those events that want an answer: their position.
    std::vector<std::pair<size_t, Reply>> replies;
    std::vector<Query> queries;

    void Clear();
    // Adds what `later` holds behind this.
    void Add(Batch later);
    bool empty() const {
      return early.empty() && events.empty() && queries.empty();
    }
    // Answers all who wait for one, and leaves the events.
    void RefuseCalls(const absl::Status& why);
  };

  // At most `max_inbox` calls and queries wait, and what they carry weighs at
  // most `max_inbox_bytes`, unless it is only one.
  Inbox(size_t max_inbox, size_t max_inbox_bytes)
      : max_inbox_(max_inbox), max_inbox_bytes_(max_inbox_bytes) {}
  Inbox(const Inbox&) = delete;
  Inbox& operator=(const Inbox&) = delete;

  // RESOURCE_EXHAUSTED naming the limit, with a typed detail; WhyRefused while
  // calls are refused; UNAVAILABLE after Close. On an error `reply` and `query`
  // are not called. `event` is one that has a token; the loop sets it.
  absl::Status TryCall(Event event, Reply reply);
  absl::Status TryAsk(Query query);

  // After Close these do nothing.
  void Post(Event event);
  // Runs before the events that come after it, and before those of its batch.
  void PostEarly(Query query);
  // After Close `query` is called at once, with null.
  void PostQuery(Query query);

  // Waits until something has come, `deadline` has passed, or Close was called;
  // then moves all into `batch`, which must be clear. False once closed and
  // empty.
  bool Pop(absl::Time deadline, Batch* batch);

  // From now on calls are refused with `why`, an error, or taken again. What
  // workers say is always taken.
  void Refuse(absl::Status why);
  void TakeAgain();
  // OK while calls are taken.
  absl::Status refusal();
  // For a call that has been refused: the latest reason.
  absl::Status WhyRefused();

  void Close();

 private:
  absl::Status Admit(size_t bytes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Wake() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const size_t max_inbox_;
  const size_t max_inbox_bytes_;
  absl::Mutex mutex_;
  absl::CondVar came_;
  Batch waiting_ ABSL_GUARDED_BY(mutex_);
  size_t calls_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t call_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  bool sleeping_ ABSL_GUARDED_BY(mutex_) = false;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  bool refusing_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status refusal_ ABSL_GUARDED_BY(mutex_);  // the latest
};

}  // namespace w2t::server

#endif  // W2T_SERVER_LOOP_INBOX_H_
