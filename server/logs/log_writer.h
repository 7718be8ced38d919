// Writes the files of attempts. Used by the store's writer thread alone.
#ifndef W2T_SERVER_LOGS_LOG_WRITER_H_
#define W2T_SERVER_LOGS_LOG_WRITER_H_

#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "server/logs/log_store.h"

namespace w2t {

class LogWriter {
 public:
  LogWriter(std::string directory, uint64_t max_log_bytes,
            uint32_t max_open_files)
      : directory_(std::move(directory)),
        max_log_bytes_(max_log_bytes),
        max_open_files_(max_open_files < 1 ? 1 : max_open_files) {}
  ~LogWriter();
  LogWriter(const LogWriter&) = delete;
  LogWriter& operator=(const LogWriter&) = delete;

  // Writes what it can; the error is the first one of those pieces that could
  // not be written, which are counted as left out.
  absl::Status Write(const std::vector<LogPiece>& pieces);
  // Nothing more is expected for the attempt.
  void Finish(const LogName& name);
  void Forget(const std::string& run_id);
  // Those of which there are files, and that are not among these.
  void ForgetOthers(const absl::flat_hash_set<std::string>& run_ids);

  uint64_t written_bytes() const { return written_bytes_; }
  uint64_t dropped_bytes() const { return dropped_bytes_; }
  uint64_t open_files() const { return open_.size(); }
  // Files of attempts that have not ended, open or not.
  uint64_t growing_files() const { return growing_files_; }

 private:
  struct File;
  struct OpenFile {
    int fd;
    File* file;
  };
  // What is known of a file that may still grow.
  struct File {
    std::string path;  // of the first file
    bool measured = false;
    int slot = -1;         // the one that is written; -1: the first file
    uint64_t size = 0;     // of that one's part that is whole; 0: no header
    uint64_t dropped = 0;  // as the first one's header says; not 0: no more
    uint64_t gap = 0;      // left out since the last frame
    // All that they stand for: frames, what those left out, and the gap.
    uint64_t printed = 0;
    std::list<OpenFile>::iterator open;  // or open_.end()
  };
  using TaskAttempt = std::pair<uint32_t, uint32_t>;
  using Run = absl::flat_hash_map<TaskAttempt, std::unique_ptr<File>>;

  File* FileOf(const LogName& name);
  absl::Status WriteRun(File* file, const LogPiece* begin, const LogPiece* end);
  // Puts `data`, a part of `chunk`'s, into frames_, behind the header of a new
  // file, and what is in there into files whenever one is full.
  absl::Status Add(File* file, const v1::LogChunk& chunk,
                   std::string_view data);
  absl::StatusOr<int> Open(File* file);
  absl::StatusOr<int> OpenFirst(File* file);
  absl::Status Measure(File* file, int fd);
  absl::Status MeasureSlots(File* file);
  // Writes frames_; what cannot be written becomes a gap.
  absl::Status Flush(File* file);
  absl::Status BeginSlot(File* file);
  absl::Status WriteDropped(File* file);
  void Close(File* file);
  // Bytes that the present file may have.
  uint64_t MostBytes(const File& file) const;

  const std::string directory_;
  const uint64_t max_log_bytes_;
  const uint32_t max_open_files_;
  absl::flat_hash_map<std::string, Run> runs_;
  std::list<OpenFile> open_;   // the one used last comes first
  std::string frames_;         // of one file; its memory is used again
  uint64_t framed_bytes_ = 0;  // of output in frames_
  uint64_t framed_gaps_ = 0;   // that its frames tell as left out
  uint64_t growing_files_ = 0;
  uint64_t written_bytes_ = 0;
  uint64_t dropped_bytes_ = 0;
};

// Where the file of an attempt lies.
std::string LogPath(const std::string& directory, const LogName& name);

}  // namespace w2t

#endif  // W2T_SERVER_LOGS_LOG_WRITER_H_
