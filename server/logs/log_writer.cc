#include "server/logs/log_writer.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "server/logs/log_format.h"

namespace w2t {
namespace {

// No less than this, or all that is left, goes into the rest of a file.
constexpr uint64_t kLeastPartBytes = 64;

}  // namespace

std::string LogPath(const std::string& directory, const LogName& name) {
  return fmt::format("{}/{}/{}.{}", directory, LogFolderName(name.run_id),
                     name.task, name.attempt);
}

LogWriter::~LogWriter() {
  for (const OpenFile& file : open_) close(file.fd);
}

absl::Status LogWriter::Write(const std::vector<LogPiece>& pieces) {
  absl::Status first_error;
  const LogPiece* const end = pieces.data() + pieces.size();
  for (const LogPiece* begin = pieces.data(); begin != end;) {
    const LogPiece* same = begin + 1;
    while (same != end && same->name == begin->name) ++same;
    first_error.Update(WriteRun(FileOf(begin->name), begin, same));
    begin = same;
  }
  return first_error;
}

LogWriter::File* LogWriter::FileOf(const LogName& name) {
  std::unique_ptr<File>& file =
      runs_[name.run_id][TaskAttempt(name.task, name.attempt)];
  if (file == nullptr) {
    ++growing_files_;
    file = std::make_unique<File>();
    file->path = LogPath(directory_, name);
    file->open = open_.end();
  }
  return file.get();
}

// Pieces of one attempt.
absl::Status LogWriter::WriteRun(File* file, const LogPiece* begin,
                                 const LogPiece* end) {
  absl::Status status = Open(file).status();
  for (const LogPiece* piece = begin; piece != end; ++piece) {
    const uint64_t offset =
        piece->offset.value_or(file->printed + piece->chunk.dropped_bytes());
    // A worker that has dialled again repeats what it was not told is here.
    const uint64_t skip = file->printed > offset ? file->printed - offset : 0;
    std::string_view data = piece->chunk.data();
    if (skip > 0 && skip >= data.size()) continue;
    data.remove_prefix(skip);
    const uint64_t lost = skip > 0 ? 0 : offset - file->printed;
    file->printed += lost;
    file->gap += lost;
    if (status.ok() && file->dropped == 0) {
      status = Add(file, piece->chunk, data);
    } else {
      file->printed += data.size();
      file->gap += data.size();
      dropped_bytes_ += data.size();
    }
  }
  status.Update(Flush(file));
  if (file->dropped > 0 && file->gap > 0) {
    file->dropped += std::exchange(file->gap, 0);
    status.Update(WriteDropped(file));
  }
  return status;
}

absl::Status LogWriter::Add(File* file, const v1::LogChunk& chunk,
                            std::string_view data) {
  absl::Status status;
  while (!data.empty() && status.ok()) {
    if (file->size == 0 && frames_.empty()) {
      frames_ = EncodeLogHeader(LogFileKind::kBeginning, 0);
    }
    const uint64_t used = file->size + frames_.size() + kLogFrameBytes;
    const uint64_t most = MostBytes(*file);
    const uint64_t room = used < most ? most - used : 0;
    if (room < std::min<uint64_t>(data.size(), kLeastPartBytes)) {
      status = Flush(file);
      if (status.ok()) status = BeginSlot(file);
      continue;
    }
    const std::string_view part =
        data.substr(0, std::min<uint64_t>(room, kMaxLogDataBytes));
    AppendLogFrame(chunk, part, file->gap, &frames_);
    framed_gaps_ += std::exchange(file->gap, 0);
    framed_bytes_ += part.size();
    file->printed += part.size();
    data.remove_prefix(part.size());
  }
  file->printed += data.size();
  file->gap += data.size();
  dropped_bytes_ += data.size();
  return status;
}

uint64_t LogWriter::MostBytes(const File& file) const {
  const uint64_t most = max_log_bytes_ / (file.slot < 0 ? 2 : 4);
  return std::max<uint64_t>(most,
                            kLogHeaderBytes + kLogFrameBytes + kLeastPartBytes);
}

void LogWriter::Finish(const LogName& name) {
  const auto run = runs_.find(name.run_id);
  if (run == runs_.end()) return;
  const auto it = run->second.find(TaskAttempt(name.task, name.attempt));
  if (it == run->second.end()) return;
  File* const file = it->second.get();
  if (file->gap > 0) {
    file->dropped += std::exchange(file->gap, 0);
    if (Open(file).ok()) WriteDropped(file).IgnoreError();
  }
  Close(file);
  run->second.erase(it);
  --growing_files_;
  if (run->second.empty()) runs_.erase(run);
}

void LogWriter::Forget(const std::string& run_id) {
  const auto run = runs_.find(run_id);
  if (run != runs_.end()) {
    for (auto& [attempt, file] : run->second) Close(file.get());
    growing_files_ -= run->second.size();
    runs_.erase(run);
  }
  std::error_code ignored;
  std::filesystem::remove_all(directory_ + "/" + LogFolderName(run_id),
                              ignored);
}

void LogWriter::ForgetOthers(const absl::flat_hash_set<std::string>& run_ids) {
  absl::flat_hash_set<std::string> known;
  for (const std::string& run_id : run_ids) known.insert(LogFolderName(run_id));
  std::vector<std::filesystem::path> others;
  std::error_code error;
  for (std::filesystem::directory_iterator it(directory_, error), end;
       !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (IsLogFolderName(name) && !known.contains(name)) {
      others.push_back(it->path());
    }
  }
  for (const std::filesystem::path& other : others) {
    std::filesystem::remove_all(other, error);
  }
}

}  // namespace w2t
