#include "tests/sim/sim_disk.h"

#include <algorithm>
#include <utility>

namespace w2t::sim {
namespace {

void WriteInto(std::string* content, uint64_t offset, std::string_view data) {
  if (content->size() < offset + data.size()) {
    content->resize(offset + data.size());
  }
  content->replace(offset, data.size(), data);
}

void Apply(const SimDisk::Change& change, std::string* content) {
  if (change.truncates) {
    content->resize(change.offset);
  } else {
    WriteInto(content, change.offset, change.data);
  }
}

bool TakeOne(uint64_t* count) {
  if (*count == 0) return false;
  --*count;
  return true;
}

}  // namespace

bool SimDisk::Begin() {
  if (dead_) return false;
  if (operations_ >= last_operation_) {
    dead_ = true;
    return false;
  }
  ++operations_;
  return true;
}

SimDisk::File* SimDisk::Find(const std::string& name) {
  const auto it = files_.find(name);
  return it == files_.end() || !it->second.exists ? nullptr : &it->second;
}

bool SimDisk::Exists(const std::string& name) const {
  const auto it = files_.find(name);
  return it != files_.end() && it->second.exists;
}

DiskError SimDisk::Create(const std::string& name) {
  if (Exists(name)) return DiskError::kNone;
  if (!Begin()) return DiskError::kFailed;
  File& file = files_[name];
  file.exists = true;
  file.content.clear();
  file.unsynced.push_back({.truncates = true});
  return DiskError::kNone;
}

DiskError SimDisk::Delete(const std::string& name, bool sync_directory) {
  if (!Begin()) return DiskError::kFailed;
  File* file = Find(name);
  if (file == nullptr) return DiskError::kMissing;
  if (sync_directory) {
    files_.erase(name);
  } else {
    file->exists = false;
    file->content.clear();
  }
  return DiskError::kNone;
}

uint64_t SimDisk::used() const {
  uint64_t bytes = 0;
  for (const auto& [name, file] : files_) bytes += file.content.size();
  return bytes;
}

DiskError SimDisk::Write(const std::string& name, uint64_t offset,
                         std::string_view data) {
  if (!Begin()) return DiskError::kFailed;
  File* file = Find(name);
  if (file == nullptr) return DiskError::kFailed;
  if (TakeOne(&failing_writes_)) return DiskError::kFailed;
  DiskError error = DiskError::kNone;
  const uint64_t end = offset + data.size();
  const uint64_t others = used() - file->content.size();
  if (end > file->content.size() && others + end > capacity_) {
    error = DiskError::kFull;
    const uint64_t size = std::max<uint64_t>(
        file->content.size(), capacity_ - std::min(capacity_, others));
    data = data.substr(0, size > offset ? size - offset : 0);
    if (data.empty()) return error;
  }
  WriteInto(&file->content, offset, data);
  file->unsynced.push_back({.offset = offset, .data = std::string(data)});
  return error;
}

DiskError SimDisk::Truncate(const std::string& name, uint64_t size) {
  if (!Begin()) return DiskError::kFailed;
  File* file = Find(name);
  if (file == nullptr) return DiskError::kFailed;
  file->content.resize(size);
  file->unsynced.push_back({.truncates = true, .offset = size});
  return DiskError::kNone;
}

DiskError SimDisk::Sync(const std::string& name) {
  if (!Begin()) return DiskError::kFailed;
  File* file = Find(name);
  if (file == nullptr) return DiskError::kFailed;
  if (TakeOne(&failing_syncs_)) {
    for (Change& change : file->unsynced) change.doomed = random_.Chance(50);
    return DiskError::kFailed;
  }
  file->durable = true;
  for (const Change& change : file->unsynced) {
    if (!change.doomed) Apply(change, &file->durable_content);
  }
  file->unsynced.clear();
  return DiskError::kNone;
}

DiskError SimDisk::SyncDirectory() {
  if (!Begin()) return DiskError::kFailed;
  std::erase_if(files_, [](const auto& file) { return !file.second.exists; });
  for (auto& [name, file] : files_) file.durable = true;
  return DiskError::kNone;
}

const std::string* SimDisk::Read(const std::string& name) {
  if (dead_ || TakeOne(&failing_reads_)) return nullptr;
  const File* file = Find(name);
  return file == nullptr ? nullptr : &file->content;
}

void SimDisk::Restart(Tail tail) {
  ++generation_;
  for (auto it = files_.begin(); it != files_.end();) {
    Settle(it->second, tail);
    it = it->second.exists ? std::next(it) : files_.erase(it);
  }
  dead_ = false;
  last_operation_ = UINT64_MAX;
  failing_syncs_ = failing_writes_ = failing_reads_ = 0;
}

void SimDisk::Settle(File& file, Tail tail) {
  if (tail != Tail::kKept) {
    std::string content = file.durable_content;
    const size_t changes = file.unsynced.size();
    const size_t whole = tail == Tail::kCutOff ? random_.Below(changes + 1) : 0;
    for (size_t i = 0; i < whole; ++i) Apply(file.unsynced[i], &content);
    if (tail == Tail::kCutOff && whole < changes) {
      Change last = file.unsynced[whole];
      last.data.resize(random_.Below(last.data.size() + 1));
      if (!last.truncates) Apply(last, &content);
    }
    if (tail == Tail::kTorn) {
      for (const Change& change : file.unsynced) Tear(change, &content);
    }
    const bool appears = tail != Tail::kDropped && random_.Chance(50);
    file.exists = file.durable || (file.exists && appears);
    file.content = std::move(content);
  }
  file.durable = file.exists;
  file.durable_content = file.content;
  file.unsynced.clear();
}

void SimDisk::Tear(const Change& change, std::string* content) {
  if (change.truncates) {
    if (random_.Chance(50)) Apply(change, content);
    return;
  }
  const std::string_view data = change.data;
  for (size_t at = 0; at < data.size();) {
    const uint64_t sector_end =
        (change.offset + at) / kSectorBytes * kSectorBytes + kSectorBytes;
    const size_t end =
        std::min<size_t>(data.size(), sector_end - change.offset);
    if (random_.Chance(50)) {
      WriteInto(content, change.offset + at, data.substr(at, end - at));
    }
    at = end;
  }
}

}  // namespace w2t::sim
