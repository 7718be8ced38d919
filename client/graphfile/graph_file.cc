#include "client/graphfile/graph_file.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "client/graphfile/document.h"
#include "client/graphfile/draft.h"
#include "client/graphfile/faults.h"
#include "client/graphfile/fields.h"
#include "client/graphfile/formats.h"

namespace w2t::graphfile {
namespace {

Format Detect(const Value& root) {
  bool schema = false;
  bool workflow = false;
  for (const Entry& entry : root.Entries()) {
    if (entry.key.text() == "processes") return Format::kProcessCompose;
    schema |= entry.key.text() == "schemaVersion";
    workflow |= entry.key.text() == "workflow";
  }
  return schema && workflow ? Format::kWfFormat : Format::kGraph;
}

void ReadFormat(Context& context, Format format, const Value& root,
                Draft& draft) {
  switch (format) {
    case Format::kProcessCompose:
      return ReadProcessCompose(context, root, draft);
    case Format::kWfFormat:
      return ReadWfFormat(context, root, draft);
    case Format::kDetect:
    case Format::kGraph:
      return ReadGraphFormat(context, root, draft);
  }
}

void Load(std::string_view text, Context& context, LoadResult& result) {
  if (text.size() > context.options.max_file_bytes) {
    context.faults.Add({}, fmt::format("the file has more than {} bytes; the "
                                       "limit max_file_bytes is {}",
                                       context.options.max_file_bytes,
                                       context.options.max_file_bytes));
    return;
  }
  const std::unique_ptr<Document> document =
      Document::Parse(text, DocumentLimits(), context.faults);
  if (document == nullptr) return;
  const Value root = document->root();
  if (!root.is_map()) {
    context.faults.Add(
        root.is_null() ? Position{} : root.at(),
        root.is_null() ? "the file is empty" : "a graph file must be a map");
    return;
  }
  if (result.format == Format::kDetect) result.format = Detect(root);
  Draft draft(context, root);
  ReadFormat(context, result.format, root, draft);
  result.blueprint = draft.Check();
  if (result.blueprint != nullptr) result.graph = draft.TakeGraph();
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

LoadResult Unreadable(std::string_view name, std::string_view what, int error,
                      const Options& options) {
  LoadResult result;
  result.format = options.format;
  result.faults.push_back(
      {.file = std::string(name),
       .message = fmt::format("{}: {}", what, std::strerror(error))});
  result.total_faults = 1;
  return result;
}

}  // namespace

std::string Fault::ToString() const {
  if (line == 0) return fmt::format("{}: {}", file, message);
  return fmt::format("{}:{}:{}: {}", file, line, column, message);
}

LoadResult LoadFile(const std::string& path, const Options& options) {
  const bool is_stdin = path == "-";
  const std::string name = is_stdin ? "<stdin>" : path;
  std::FILE* stream = is_stdin ? stdin : std::fopen(path.c_str(), "re");
  if (stream == nullptr) return Unreadable(name, "cannot open", errno, options);
  std::string text;
  const bool read = ReadAll(stream, options.max_file_bytes, text);
  const int error = errno;
  if (!is_stdin) std::fclose(stream);
  if (!read) return Unreadable(name, "cannot read", error, options);
  return LoadText(text, name, options);
}

LoadResult LoadText(std::string_view text, std::string_view name,
                    const Options& options) {
  LoadResult result;
  result.format = options.format;
  Faults faults;
  Context context{options, faults, result.notes};
  Load(text, context, result);
  result.faults = faults.Sorted(name);
  result.total_faults = faults.total();
  return result;
}

}  // namespace w2t::graphfile
