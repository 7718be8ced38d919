// The bytes of the files of one attempt:
//
//   file   := "w2tl" version:u32 number:u64 frame*
//   frame  := length:u32 stream:u8 zero:u8 zero:u16 time_us:i64 dropped:u64
//   data
//
// All numbers little-endian. A frame's `dropped` counts bytes that were left
// out just before it. Where a frame is incomplete or makes no sense, a crash
// has cut the file off.
//
// The first file, of version 1, holds the beginning of the output; its number
// counts what was left out at the very end. What no longer fits goes into two
// slots in turn, files of version 2 whose number says how much was printed
// before; each takes the place of the one before the last.
#ifndef W2T_SERVER_LOGS_LOG_FORMAT_H_
#define W2T_SERVER_LOGS_LOG_FORMAT_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "w2t/v1/run_service.pb.h"

namespace w2t {

inline constexpr size_t kLogHeaderBytes = 16;
inline constexpr size_t kLogFrameBytes = 24;  // without its data
inline constexpr uint32_t kMaxLogDataBytes = 16 * 1024 * 1024;
// More than anybody prints; numbers beyond it make no sense.
inline constexpr uint64_t kMaxPrintedBytes = uint64_t{1} << 60;

struct LogFrame {
  uint32_t length = 0;
  v1::LogStream stream = v1::LOG_STREAM_UNSPECIFIED;
  int64_t time_us = 0;
  uint64_t dropped = 0;
};

enum class LogFileKind : uint32_t { kBeginning = 1, kSlot = 2 };

std::string EncodeLogHeader(LogFileKind kind, uint64_t number);
// The number; nothing when the bytes are no header of such a file.
std::optional<uint64_t> DecodeLogHeader(LogFileKind kind,
                                        std::string_view bytes);

// A frame of `data`, which is a part of `chunk`'s.
void AppendLogFrame(const v1::LogChunk& chunk, std::string_view data,
                    uint64_t dropped, std::string* out);
// Nothing when the bytes are no frame.
std::optional<LogFrame> DecodeLogFrame(std::string_view bytes);

// Where slot 0 or 1 lies, beside the first file at `path`.
std::string LogSlotPath(std::string_view path, int slot);

// The name of a run's folder: the run's id, with whatever is no letter, digit,
// '_', '-' or inner '.' written as %XX, and cut to what file systems take.
std::string LogFolderName(std::string_view run_id);
// Whether a folder of this name may be a run's.
bool IsLogFolderName(std::string_view name);

}  // namespace w2t

#endif  // W2T_SERVER_LOGS_LOG_FORMAT_H_
