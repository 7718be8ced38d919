#include "client/graphfile/files.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <utility>

namespace w2t::graphfile {
namespace {

absl::Status SystemError(std::string_view what, int error) {
  const std::string message = fmt::format("{}: {}", what, std::strerror(error));
  return error == ENOENT ? absl::NotFoundError(message)
                         : absl::UnknownError(message);
}

// Appends a stream to `text`, one byte more than `most` at the most. False when
// the system says no.
bool ReadAll(std::FILE* stream, uint64_t most, std::string& text) {
  char buffer[64 * 1024];
  while (text.size() <= most) {
    const size_t got = std::fread(buffer, 1, sizeof(buffer), stream);
    text.append(buffer, got);
    if (got < sizeof(buffer)) return std::ferror(stream) == 0;
  }
  return true;
}

absl::StatusOr<std::string> ReadFromDisk(const std::string& path,
                                         uint64_t most) {
  const bool is_stdin = path == "-";
  std::FILE* stream = is_stdin ? stdin : std::fopen(path.c_str(), "re");
  if (stream == nullptr) return SystemError("cannot open", errno);
  std::string text;
  const bool read = ReadAll(stream, most, text);
  const int error = errno;
  if (!is_stdin) std::fclose(stream);
  if (!read) return SystemError("cannot read", error);
  return text;
}

}  // namespace

absl::StatusOr<uint32_t> Files::Add(std::string name) {
  if (names_.size() >= kMaxFiles) {
    return absl::ResourceExhaustedError(fmt::format(
        "more than {} files; the limit max_files is {}", kMaxFiles, kMaxFiles));
  }
  names_.push_back(std::move(name));
  return static_cast<uint32_t>(names_.size() - 1);
}

std::string Files::Resolve(uint32_t file, std::string_view path) const {
  const std::filesystem::path folder =
      std::filesystem::path(names_[file]).parent_path();
  return (folder / path).lexically_normal().string();
}

absl::StatusOr<std::string> Files::Read(const std::string& path) const {
  const uint64_t most = options_.max_file_bytes;
  absl::StatusOr<std::string> text =
      options_.read_file ? options_.read_file(path) : ReadFromDisk(path, most);
  if (text.ok() && text->size() > most) {
    return absl::ResourceExhaustedError(
        fmt::format("the file has more than {} bytes; the limit "
                    "max_file_bytes is {}",
                    most, most));
  }
  return text;
}

}  // namespace w2t::graphfile
