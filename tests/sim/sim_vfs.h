// SimVfs: SQLite's way to a SimDisk.
//
// While it lives it is SQLite's default, so that the numbers which SQLite draws
// come from the disk's seed as well. One at a time. Not thread-safe.
#ifndef W2T_TESTS_SIM_SIM_VFS_H_
#define W2T_TESTS_SIM_SIM_VFS_H_

#include <sqlite3.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/sim/sim_disk.h"

namespace w2t::sim {

class SimVfs {
 public:
  static constexpr char kName[] = "w2t-sim";

  explicit SimVfs(SimDisk* disk);
  ~SimVfs();
  SimVfs(const SimVfs&) = delete;
  SimVfs& operator=(const SimVfs&) = delete;

  // What connections of one process share about a file. Gone with the process.
  struct Shared {
    int readers = 0;
    const void* writer = nullptr;  // RESERVED and above
    bool exclusive = false;        // the writer's
    std::vector<std::unique_ptr<char[]>> regions;
    int shm_readers[SQLITE_SHM_NLOCK] = {};
    const void* shm_writer[SQLITE_SHM_NLOCK] = {};
  };

  SimDisk& disk() { return *disk_; }
  std::shared_ptr<Shared> SharedOf(const std::string& name);

 private:
  SimDisk* const disk_;
  sqlite3_vfs vfs_;
  uint64_t generation_ = 0;
  std::map<std::string, std::shared_ptr<Shared>> shared_;
};

}  // namespace w2t::sim

#endif  // W2T_TESTS_SIM_SIM_VFS_H_
