// Checkpointer: moves SQLite's write-ahead log into the database, in a thread
// and over a connection of its own, so that commits need not wait for it.
#ifndef W2T_SERVER_JOURNAL_CHECKPOINTER_H_
#define W2T_SERVER_JOURNAL_CHECKPOINTER_H_

#include <cstdint>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "server/journal/sqlite.h"

namespace w2t {

// Thread-safe.
class Checkpointer {
 public:
  // Unless `background`, Request makes the checkpoint itself.
  Checkpointer(SqliteDatabase database, bool background);
  ~Checkpointer();
  Checkpointer(const Checkpointer&) = delete;
  Checkpointer& operator=(const Checkpointer&) = delete;

  struct State {
    bool busy = false;          // one is asked for or under way
    bool failed = false;        // the latest one was not made: a full disk, say
    uint64_t copied_pages = 0;  // of the log as it is now
  };
  State state() const;

  // Asks for a checkpoint and does not wait for the background.
  void Request();
  // Makes one over the committing thread's own connection, so that nothing is
  // added meanwhile and the log starts over. Waits for one that is under way.
  void RunNow(const SqliteDatabase& committing);

 private:
  void Loop();
  void RunPassive();
  static bool Run(const SqliteDatabase& database, int mode, uint64_t* copied);

  const SqliteDatabase database_;
  absl::Mutex running_mu_;  // held while a checkpoint is made
  mutable absl::Mutex mu_;
  State state_ ABSL_GUARDED_BY(mu_);
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_;
};

}  // namespace w2t

#endif  // W2T_SERVER_JOURNAL_CHECKPOINTER_H_
