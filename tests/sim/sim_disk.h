// SimDisk: a disk in memory, for one process at a time.
//
// It knows of each file what the process sees and what would be left of it if
// the machine lost its power now: what was synced, and of what was written
// since, whatever the case asks for. Files are reached through SimVfs. Not
// thread-safe.
#ifndef W2T_TESTS_SIM_SIM_DISK_H_
#define W2T_TESTS_SIM_SIM_DISK_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "tests/sim/random.h"

namespace w2t::sim {

// What becomes of writes that were not synced.
enum class Tail : uint8_t {
  kKept,     // only the process died
  kDropped,  // none of them got to the disk
  kCutOff,   // of each file the first ones, the last of them in part
  kTorn,     // any 512-byte sectors of any of them
};

enum class DiskError : uint8_t { kNone, kFull, kFailed, kMissing };

class SimDisk {
 public:
  static constexpr size_t kSectorBytes = 512;

  explicit SimDisk(uint64_t seed) : random_(seed) {}
  SimDisk(const SimDisk&) = delete;
  SimDisk& operator=(const SimDisk&) = delete;

  // What the process does. Each change is an operation.
  DiskError Create(const std::string& name);
  bool Exists(const std::string& name) const;
  DiskError Delete(const std::string& name, bool sync_directory);
  DiskError Write(const std::string& name, uint64_t offset,
                  std::string_view data);
  DiskError Truncate(const std::string& name, uint64_t size);
  DiskError Sync(const std::string& name);
  // Which files there are. Until then a deleted one may come back.
  DiskError SyncDirectory();
  // Null when there is none, or reading fails.
  const std::string* Read(const std::string& name);

  // Operations so far.
  uint64_t operations() const { return operations_; }
  // No operation after this many changes anything: each fails, and so does
  // reading.
  void DieAfter(uint64_t operations) { last_operation_ = operations; }
  bool dead() const { return dead_; }
  // Counts up with each Restart: what was opened before is worth nothing.
  uint64_t generation() const { return generation_; }
  // The process is gone; what is left of the files depends on `tail`. Ends all
  // faults but a full disk.
  void Restart(Tail tail);

  // At most so many bytes in all files. A write beyond is cut off.
  void SetCapacity(uint64_t bytes) { capacity_ = bytes; }
  uint64_t used() const;
  // The next so many syncs fail, and what they should have synced may never
  // reach the disk, whatever later syncs say.
  void FailSyncs(uint64_t count) { failing_syncs_ = count; }
  void FailWrites(uint64_t count) { failing_writes_ = count; }
  void FailReads(uint64_t count) { failing_reads_ = count; }

  Random& random() { return random_; }

  // To try several ends of one beginning.
  struct Change {
    bool truncates = false;
    bool doomed = false;  // a sync of it has failed
    uint64_t offset = 0;  // or the new size
    std::string data;
  };
  struct File {
    bool exists = false;
    std::string content;  // as the process sees it
    bool durable = false;
    std::string durable_content;
    std::vector<Change> unsynced;
  };
  using Files = std::map<std::string, File>;
  const Files& files() const { return files_; }
  void Load(const Files& files) { files_ = files; }

 private:
  // False when the disk is dead.
  bool Begin();
  File* Find(const std::string& name);
  void Settle(File& file, Tail tail);
  void Tear(const Change& change, std::string* content);

  Files files_;
  Random random_;
  uint64_t operations_ = 0;
  uint64_t last_operation_ = UINT64_MAX;
  bool dead_ = false;
  uint64_t generation_ = 1;
  uint64_t capacity_ = UINT64_MAX;
  uint64_t failing_syncs_ = 0;
  uint64_t failing_writes_ = 0;
  uint64_t failing_reads_ = 0;
};

}  // namespace w2t::sim

#endif  // W2T_TESTS_SIM_SIM_DISK_H_
