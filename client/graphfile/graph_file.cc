#include "client/graphfile/graph_file.h"

#include <fmt/format.h>

#include <optional>
#include <utility>

#include "client/graphfile/document.h"
#include "client/graphfile/draft.h"
#include "client/graphfile/faults.h"
#include "client/graphfile/fields.h"
#include "client/graphfile/formats.h"
#include "client/graphfile/source.h"

namespace w2t::graphfile {
namespace {

// Whether a service asks for a container image.
bool HasImage(const Value& root) {
  for (const Entry& service : root.Get("services").Entries()) {
    for (const Entry& entry : service.value.Entries()) {
      if (entry.key.text() == "image" || entry.key.text() == "build") {
        return true;
      }
    }
  }
  return false;
}

Format Detect(const Value& root) {
  bool schema = false;
  bool workflow = false;
  for (const Entry& entry : root.Entries()) {
    if (entry.key.text() == "processes") return Format::kProcessCompose;
    schema |= entry.key.text() == "schemaVersion";
    workflow |= entry.key.text() == "workflow";
  }
  if (schema && workflow) return Format::kWfFormat;
  return HasImage(root) ? Format::kCompose : Format::kGraph;
}

// Reads the files that make up a graph. What is parsed lives as long as this.
class Loader {
 public:
  Loader(const Options& options, LoadResult& result)
      : files_(options),
        context_{options, files_, faults_, result.notes, env_files_},
        result_(result) {
    result.format = options.format;
  }

  // Reads a file from where it lies, or from `text`.
  void Add(const std::string& name, std::optional<std::string_view> text) {
    const absl::StatusOr<uint32_t> file =
        files_.Add(name == "-" ? "<stdin>" : name);
    if (!file.ok()) {
      return faults_.Add({}, std::string(file.status().message()));
    }
    if (text && text->size() <= context_.options.max_file_bytes) {
      return AddText(*file, *text);
    }
    const absl::StatusOr<std::string> read =
        text ? TooLarge() : files_.Read(name);
    if (!read.ok()) {
      complete_ = false;
      return faults_.Add({.file = *file}, std::string(read.status().message()));
    }
    AddText(*file, *read);
  }

  void Finish() {
    Check();
    result_.faults = faults_.Sorted(files_.names());
    result_.total_faults = faults_.total();
  }

 private:
  absl::Status TooLarge() const {
    const uint64_t most = context_.options.max_file_bytes;
    return absl::ResourceExhaustedError(
        fmt::format("the file has more than {} bytes; the limit "
                    "max_file_bytes is {}",
                    most, most));
  }

  void AddText(uint32_t file, std::string_view text) {
    Source source{.file = file, .document = ParseSource(context_, file, text)};
    if (source.document == nullptr) {
      complete_ = false;
      return;
    }
    Format format = context_.options.format == Format::kDetect
                        ? Detect(source.root())
                        : context_.options.format;
    // What is put on top of another file may have little that tells its kind.
    const bool on_top = mains_ > 0 && CanBeMany(result_.format);
    if (on_top && format == Format::kGraph) format = result_.format;
    mixed_ |= mains_ > 0 && (format != result_.format || !CanBeMany(format));
    result_.format = format;
    ++mains_;
    if (CanBeMany(format)) {
      complete_ &=
          AddWithIncludes(context_, format, std::move(source), sources_);
    } else {
      sources_.push_back(std::move(source));
    }
  }

  static bool CanBeMany(Format format) { return format != Format::kWfFormat; }

  void Check() {
    if (sources_.empty()) return;
    const Source& last = sources_.back();
    if (mixed_) {
      return faults_.Add({.file = last.file},
                         "several files make up one graph only when all of "
                         "them are of one kind, and no WfFormat");
    }
    const bool scalable = result_.format == Format::kGraph ||
                          result_.format == Format::kDetect ||
                          result_.format == Format::kProcessCompose;
    if (!context_.options.replicas.empty() && !scalable) {
      return faults_.Add({.file = last.file},
                         "only graph files and process-compose files have "
                         "replicas that can be scaled");
    }
    Draft draft(context_, sources_);
    switch (result_.format) {
      case Format::kCompose:
        ReadCompose(context_, sources_, draft);
        break;
      case Format::kProcessCompose:
        ReadProcessCompose(context_, sources_, draft);
        break;
      case Format::kWfFormat:
        ReadWfFormat(context_, last.root(), draft);
        break;
      case Format::kDetect:
      case Format::kGraph:
        ReadGraphFormat(context_, sources_, draft);
        break;
    }
    // What is missing may be in the files that could not be read.
    if (!complete_) return;
    result_.blueprint = draft.Check();
    if (result_.blueprint == nullptr) return;
    result_.graph = draft.TakeGraph();
    result_.rollouts = std::move(draft.rollouts());
  }

  Files files_;
  Faults faults_;
  std::map<std::string, Environment> env_files_;
  Context context_;
  LoadResult& result_;
  std::vector<Source> sources_;
  uint32_t mains_ = 0;
  bool mixed_ = false;    // files of several kinds
  bool complete_ = true;  // every file could be read
};

}  // namespace

std::string Fault::ToString() const {
  if (line == 0) return fmt::format("{}: {}", file, message);
  return fmt::format("{}:{}:{}: {}", file, line, column, message);
}

LoadResult LoadFiles(absl::Span<const std::string> paths,
                     const Options& options) {
  LoadResult result;
  Loader loader(options, result);
  for (const std::string& path : paths) loader.Add(path, std::nullopt);
  loader.Finish();
  return result;
}

LoadResult LoadFile(const std::string& path, const Options& options) {
  return LoadFiles({path}, options);
}

LoadResult LoadText(std::string_view text, std::string_view name,
                    const Options& options) {
  LoadResult result;
  Loader loader(options, result);
  loader.Add(std::string(name), text);
  loader.Finish();
  return result;
}

}  // namespace w2t::graphfile
