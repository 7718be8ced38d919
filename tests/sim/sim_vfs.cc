#include "tests/sim/sim_vfs.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

namespace w2t::sim {
namespace {

// Beside what a file is to SQLite, what it is to us.
struct OpenFile {
  SimVfs* vfs = nullptr;
  std::string name;
  bool temporary = false;
  bool directory_due = false;  // a log that is new: as SQLite's own do it
  bool keeps_log = false;
  int lock = SQLITE_LOCK_NONE;
  uint64_t generation = 0;
  std::shared_ptr<SimVfs::Shared> shared;
  bool shm_shared[SQLITE_SHM_NLOCK] = {};

  SimDisk& disk() const { return vfs->disk(); }
  bool stale() const { return generation != disk().generation(); }
};

struct Handle {
  sqlite3_file base;
  OpenFile* file;
};

OpenFile& FileOf(sqlite3_file* handle) {
  return *reinterpret_cast<Handle*>(handle)->file;
}

int CodeOf(DiskError error, int otherwise) {
  if (error == DiskError::kNone) return SQLITE_OK;
  return error == DiskError::kFull ? SQLITE_FULL : otherwise;
}

int Unlock(sqlite3_file* handle, int level) {
  OpenFile& file = FileOf(handle);
  SimVfs::Shared& shared = *file.shared;
  if (file.lock > SQLITE_LOCK_SHARED && level <= SQLITE_LOCK_SHARED) {
    shared.writer = nullptr;
    shared.exclusive = false;
  }
  if (file.lock >= SQLITE_LOCK_SHARED && level == SQLITE_LOCK_NONE) {
    --shared.readers;
  }
  file.lock = std::min(file.lock, level);
  return SQLITE_OK;
}

int Lock(sqlite3_file* handle, int level) {
  OpenFile& file = FileOf(handle);
  SimVfs::Shared& shared = *file.shared;
  if (level <= file.lock) return SQLITE_OK;
  if (shared.writer != nullptr && shared.writer != &file) {
    if (level > SQLITE_LOCK_SHARED || shared.exclusive) return SQLITE_BUSY;
  }
  if (file.lock == SQLITE_LOCK_NONE) ++shared.readers;
  if (level > SQLITE_LOCK_SHARED) shared.writer = &file;
  if (level == SQLITE_LOCK_EXCLUSIVE) {
    if (shared.readers > 1) {
      file.lock = std::max(file.lock, SQLITE_LOCK_RESERVED);
      return SQLITE_BUSY;
    }
    shared.exclusive = true;
  }
  file.lock = level;
  return SQLITE_OK;
}

int CheckReservedLock(sqlite3_file* handle, int* reserved) {
  *reserved = FileOf(handle).shared->writer != nullptr ? 1 : 0;
  return SQLITE_OK;
}

int ShmLock(sqlite3_file* handle, int first, int count, int flags) {
  OpenFile& file = FileOf(handle);
  SimVfs::Shared& shared = *file.shared;
  const bool exclusive = (flags & SQLITE_SHM_EXCLUSIVE) != 0;
  const auto end = first + count;
  if ((flags & SQLITE_SHM_UNLOCK) != 0) {
    for (int i = first; i < end; ++i) {
      if (exclusive && shared.shm_writer[i] == &file) {
        shared.shm_writer[i] = nullptr;
      }
      if (!exclusive && std::exchange(file.shm_shared[i], false)) {
        --shared.shm_readers[i];
      }
    }
    return SQLITE_OK;
  }
  for (int i = first; i < end; ++i) {
    const void* const writer = shared.shm_writer[i];
    const int others = shared.shm_readers[i] - (file.shm_shared[i] ? 1 : 0);
    if ((writer != nullptr && writer != &file) || (exclusive && others > 0)) {
      return SQLITE_BUSY;
    }
  }
  for (int i = first; i < end; ++i) {
    if (exclusive) {
      shared.shm_writer[i] = &file;
    } else if (!std::exchange(file.shm_shared[i], true)) {
      ++shared.shm_readers[i];
    }
  }
  return SQLITE_OK;
}

int ShmMap(sqlite3_file* handle, int region, int bytes, int extend,
           void volatile** memory) {
  OpenFile& file = FileOf(handle);
  auto& regions = file.shared->regions;
  *memory = nullptr;
  if (region >= static_cast<int>(regions.size()) && extend == 0) {
    return SQLITE_OK;
  }
  while (region >= static_cast<int>(regions.size())) {
    regions.push_back(std::make_unique<char[]>(static_cast<size_t>(bytes)));
  }
  *memory = regions[static_cast<size_t>(region)].get();
  return SQLITE_OK;
}

void ShmBarrier(sqlite3_file*) {}

int ShmUnmap(sqlite3_file* handle, int) {
  for (int i = 0; i < SQLITE_SHM_NLOCK; ++i) {
    ShmLock(handle, i, 1, SQLITE_SHM_UNLOCK | SQLITE_SHM_SHARED);
    ShmLock(handle, i, 1, SQLITE_SHM_UNLOCK | SQLITE_SHM_EXCLUSIVE);
  }
  return SQLITE_OK;
}

int Close(sqlite3_file* handle) {
  OpenFile* file = &FileOf(handle);
  ShmUnmap(handle, 0);
  Unlock(handle, SQLITE_LOCK_NONE);
  if (file->temporary && !file->stale()) file->disk().Delete(file->name, true);
  delete file;
  return SQLITE_OK;
}

int Read(sqlite3_file* handle, void* to, int amount, sqlite3_int64 offset) {
  OpenFile& file = FileOf(handle);
  const std::string* content =
      file.stale() ? nullptr : file.disk().Read(file.name);
  if (content == nullptr) return SQLITE_IOERR_READ;
  const auto wanted = static_cast<size_t>(amount);
  const size_t from = std::min(content->size(), static_cast<size_t>(offset));
  const size_t size = std::min(wanted, content->size() - from);
  std::memcpy(to, content->data() + from, size);
  if (size == wanted) return SQLITE_OK;
  std::memset(static_cast<char*>(to) + size, 0, wanted - size);
  return SQLITE_IOERR_SHORT_READ;
}

int Write(sqlite3_file* handle, const void* from, int amount,
          sqlite3_int64 offset) {
  OpenFile& file = FileOf(handle);
  if (file.stale()) return SQLITE_IOERR_WRITE;
  return CodeOf(file.disk().Write(file.name, static_cast<uint64_t>(offset),
                                  {static_cast<const char*>(from),
                                   static_cast<size_t>(amount)}),
                SQLITE_IOERR_WRITE);
}

int Truncate(sqlite3_file* handle, sqlite3_int64 size) {
  OpenFile& file = FileOf(handle);
  if (file.stale()) return SQLITE_IOERR_TRUNCATE;
  return CodeOf(file.disk().Truncate(file.name, static_cast<uint64_t>(size)),
                SQLITE_IOERR_TRUNCATE);
}

int Sync(sqlite3_file* handle, int) {
  OpenFile& file = FileOf(handle);
  if (file.stale()) return SQLITE_IOERR_FSYNC;
  DiskError error = file.disk().Sync(file.name);
  if (error == DiskError::kNone && std::exchange(file.directory_due, false)) {
    error = file.disk().SyncDirectory();
  }
  return CodeOf(error, SQLITE_IOERR_FSYNC);
}

int FileSize(sqlite3_file* handle, sqlite3_int64* size) {
  OpenFile& file = FileOf(handle);
  const std::string* content =
      file.stale() ? nullptr : file.disk().Read(file.name);
  if (content == nullptr) return SQLITE_IOERR_FSTAT;
  *size = static_cast<sqlite3_int64>(content->size());
  return SQLITE_OK;
}

int FileControl(sqlite3_file* handle, int what, void* argument) {
  if (what != SQLITE_FCNTL_PERSIST_WAL) return SQLITE_NOTFOUND;
  OpenFile& file = FileOf(handle);
  int* const keep = static_cast<int*>(argument);
  if (*keep >= 0) file.keeps_log = *keep > 0;
  *keep = file.keeps_log ? 1 : 0;
  return SQLITE_OK;
}

int SectorSize(sqlite3_file*) { return 4096; }
int Characteristics(sqlite3_file*) { return SQLITE_IOCAP_POWERSAFE_OVERWRITE; }

const sqlite3_io_methods kMethods = {
    .iVersion = 2,
    .xClose = Close,
    .xRead = Read,
    .xWrite = Write,
    .xTruncate = Truncate,
    .xSync = Sync,
    .xFileSize = FileSize,
    .xLock = Lock,
    .xUnlock = Unlock,
    .xCheckReservedLock = CheckReservedLock,
    .xFileControl = FileControl,
    .xSectorSize = SectorSize,
    .xDeviceCharacteristics = Characteristics,
    .xShmMap = ShmMap,
    .xShmLock = ShmLock,
    .xShmBarrier = ShmBarrier,
    .xShmUnmap = ShmUnmap,
    .xFetch = nullptr,
    .xUnfetch = nullptr,
};

SimVfs* VfsOf(sqlite3_vfs* vfs) { return static_cast<SimVfs*>(vfs->pAppData); }

constexpr int kLogs = SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL;

int Open(sqlite3_vfs* vfs, const char* name, sqlite3_file* handle, int flags,
         int* flags_out) {
  handle->pMethods = nullptr;
  SimVfs* const sim = VfsOf(vfs);
  SimDisk& disk = sim->disk();
  const std::string path = name != nullptr ? name : "temporary";
  if (disk.dead()) return SQLITE_CANTOPEN;
  const bool is_new = !disk.Exists(path);
  if (is_new) {
    if ((flags & SQLITE_OPEN_CREATE) == 0) return SQLITE_CANTOPEN;
    if (disk.Create(path) != DiskError::kNone) return SQLITE_CANTOPEN;
  }
  auto* file = new OpenFile{.vfs = sim,
                            .name = path,
                            .temporary = name == nullptr,
                            .directory_due = is_new && (flags & kLogs) != 0,
                            .generation = disk.generation(),
                            .shared = sim->SharedOf(path)};
  reinterpret_cast<Handle*>(handle)->file = file;
  handle->pMethods = &kMethods;
  if (flags_out != nullptr) *flags_out = flags;
  return SQLITE_OK;
}

int Delete(sqlite3_vfs* vfs, const char* name, int sync_directory) {
  const DiskError error = VfsOf(vfs)->disk().Delete(name, sync_directory != 0);
  if (error == DiskError::kMissing) return SQLITE_IOERR_DELETE_NOENT;
  return CodeOf(error, SQLITE_IOERR_DELETE);
}

int Access(sqlite3_vfs* vfs, const char* name, int, int* result) {
  SimDisk& disk = VfsOf(vfs)->disk();
  *result = disk.Exists(name) ? 1 : 0;
  return disk.dead() ? SQLITE_IOERR_ACCESS : SQLITE_OK;
}

int FullPathname(sqlite3_vfs*, const char* name, int size, char* out) {
  sqlite3_snprintf(size, out, "%s", name);
  return SQLITE_OK;
}

int Randomness(sqlite3_vfs* vfs, int size, char* out) {
  Random& random = VfsOf(vfs)->disk().random();
  for (int i = 0; i < size; ++i) out[i] = static_cast<char>(random.Next());
  return size;
}

int Sleep(sqlite3_vfs*, int micros) { return micros; }

int CurrentTime(sqlite3_vfs*, sqlite3_int64* millis) {
  *millis = 210'866'760'000'000;
  return SQLITE_OK;
}

int CurrentTimeDays(sqlite3_vfs*, double* days) {
  *days = 2'440'587.5;
  return SQLITE_OK;
}

int LastError(sqlite3_vfs*, int, char*) { return 0; }

}  // namespace

SimVfs::SimVfs(SimDisk* disk) : disk_(disk), vfs_{} {
  vfs_.iVersion = 2;
  vfs_.szOsFile = sizeof(Handle);
  vfs_.mxPathname = 256;
  vfs_.zName = kName;
  vfs_.pAppData = this;
  vfs_.xOpen = Open;
  vfs_.xDelete = Delete;
  vfs_.xAccess = Access;
  vfs_.xFullPathname = FullPathname;
  vfs_.xRandomness = Randomness;
  vfs_.xSleep = Sleep;
  vfs_.xCurrentTime = CurrentTimeDays;
  vfs_.xGetLastError = LastError;
  vfs_.xCurrentTimeInt64 = CurrentTime;
  sqlite3_vfs_register(&vfs_, /*makeDflt=*/1);
  sqlite3_randomness(0, nullptr);  // the next numbers are ours
}

SimVfs::~SimVfs() { sqlite3_vfs_unregister(&vfs_); }

std::shared_ptr<SimVfs::Shared> SimVfs::SharedOf(const std::string& name) {
  if (std::exchange(generation_, disk_->generation()) != disk_->generation()) {
    shared_.clear();
  }
  std::shared_ptr<Shared>& shared = shared_[name];
  if (shared == nullptr) shared = std::make_shared<Shared>();
  return shared;
}

}  // namespace w2t::sim
