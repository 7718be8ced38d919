#include "client/graphfile/source.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <utility>

#include "client/graphfile/env_file.h"

namespace w2t::graphfile {
namespace {

// Reads the file at `path`, which `field` names. Nothing when that cannot be
// done; then a fault says why, unless it may be missing.
std::optional<std::string> ReadNamed(Context& context, const Field& field,
                                     const std::string& path, bool required,
                                     uint32_t& file) {
  const absl::StatusOr<uint32_t> number = context.files.Add(path);
  absl::StatusOr<std::string> text =
      number.ok() ? context.files.Read(path) : number.status();
  if (text.ok()) {
    file = *number;
    return *std::move(text);
  }
  if (required || !absl::IsNotFound(text.status())) {
    context.faults.Add(field.at(),
                       fmt::format("\"{}\": {}: {}", field.name, path,
                                   std::string(text.status().message())));
  }
  return std::nullopt;
}

// Reads the variables of the file at `found` on top of what is there.
void ReadVariablesAt(Context& context, const Field& field,
                     const std::string& found, bool required,
                     Environment& variables) {
  auto cached = context.env_files.find(found);
  if (cached == context.env_files.end()) {
    uint32_t file = 0;
    const std::optional<std::string> text =
        ReadNamed(context, field, found, required, file);
    if (!text) return;
    const Scope outside{.outside = &context.options.environment};
    Environment read;
    ReadEnvText(
        *text, file, [&](std::string_view name) { return outside.Find(name); },
        read, context.faults);
    cached = context.env_files.emplace(found, std::move(read)).first;
  }
  for (const auto& [name, value] : cached->second) variables[name] = value;
}

struct EnvFileItem {
  std::string path;
  bool required = true;
};

void ReadPath(Context& context, const Field& field, EnvFileItem& item) {
  std::optional<std::string> path = ReadNonEmptyText(context, field);
  if (path) item.path = *std::move(path);
}

void ReadRequired(Context& context, const Field& field, EnvFileItem& item) {
  const std::optional<bool> required = ReadBool(context, field);
  if (required) item.required = *required;
}

constexpr KeyReader<EnvFileItem> kEnvFileKeys[] = {{"path", ReadPath},
                                                   {"required", ReadRequired}};

void ReadEnvFileItem(Context& context, const Field& field,
                     Environment& variables) {
  EnvFileItem item;
  if (field.value.is_map()) {
    ReadMap<EnvFileItem>(context, field, kEnvFileKeys, {}, item);
  } else {
    ReadPath(context, field, item);
  }
  if (item.path.empty()) return;
  ReadVariables(context, field, item.path, item.required, variables);
}

// Follows the includes of files.
class IncludeReader {
 public:
  IncludeReader(Context& context, Format format, std::vector<Source>& sources)
      : context_(context),
        format_(format),
        key_(format == Format::kProcessCompose ? "extends" : "include"),
        sources_(sources) {
    for (const Source& source : sources) done_.push_back(NameOf(source.file));
  }

  void Add(Source source) {
    open_.push_back(NameOf(source.file));
    if (format_ == Format::kGraph) {
      std::unique_ptr<Document> holder;
      const Field field = FindExpanded(source, "env_file", holder);
      if (!field.value.is_null()) {
        ReadEnvFiles(context_, field, source.variables);
      }
    } else {
      source.variables =
          ReadDotEnv(context_, source.file, format_ == Format::kProcessCompose);
    }
    std::unique_ptr<Document> holder;
    const Field field = FindExpanded(source, key_, holder);
    if (!field.value.is_null()) ReadIncludes(field);
    done_.push_back(open_.back());
    open_.pop_back();
    sources_.push_back(std::move(source));
  }

  bool complete() const { return complete_; }

 private:
  std::string NameOf(uint32_t file) const {
    return std::filesystem::path(context_.files.names()[file])
        .lexically_normal()
        .string();
  }

  // A key at the top of a file, with its variables put in.
  Field FindExpanded(const Source& source, std::string_view key,
                     std::unique_ptr<Document>& holder) {
    const Value root = source.root();
    for (const Entry& entry : root.Entries()) {
      if (entry.key.text() != key) continue;
      return ExpandValues(context_, {key, entry.key.at(), entry.value},
                          source.scope(context_), holder);
    }
    return {};
  }

  void ReadIncludes(const Field& field) {
    if (field.value.is_scalar()) return ReadInclude(field);
    if (format_ == Format::kCompose && field.value.is_map()) {
      // The paths of {path: ..., env_file: ...}.
      const Value path = field.value.Get("path");
      if (!path.is_null()) ReadIncludes({field.name, field.key_at, path});
      return;
    }
    if (!field.value.is_list()) {
      return WrongValue(context_, field, "a path or a list of paths");
    }
    for (const Value& item : field.value.Items()) {
      const Field one{field.name, field.key_at, item};
      item.is_map() ? ReadIncludes(one) : ReadInclude(one);
    }
  }

  void ReadInclude(const Field& field) {
    const std::optional<std::string> written =
        ReadNonEmptyText(context_, field);
    if (!written) return;
    const std::string path = context_.files.Resolve(field.at().file, *written);
    if (std::find(open_.begin(), open_.end(), path) != open_.end()) {
      context_.faults.Add(field.at(),
                          fmt::format("files include each other: {} -> {}",
                                      fmt::join(open_, " -> "), path));
      return;
    }
    if (std::find(done_.begin(), done_.end(), path) != done_.end()) return;
    if (open_.size() >= kMaxIncludeDepth) {
      context_.faults.Add(field.at(),
                          fmt::format("files include each other more than {} "
                                      "deep; the limit max_include_depth is {}",
                                      kMaxIncludeDepth, kMaxIncludeDepth));
      return;
    }
    Source source{.included = true};
    const std::optional<std::string> text =
        ReadNamed(context_, field, path, /*required=*/true, source.file);
    if (text) source.document = ParseSource(context_, source.file, *text);
    if (source.document == nullptr) {
      complete_ = false;
    } else {
      Add(std::move(source));
    }
  }

  Context& context_;
  const Format format_;
  const std::string_view key_;  // that names what a file builds on
  std::vector<Source>& sources_;
  bool complete_ = true;
  std::vector<std::string> open_;  // from the first file to this one
  std::vector<std::string> done_;
};

}  // namespace

std::unique_ptr<Document> ParseSource(Context& context, uint32_t file,
                                      std::string_view text) {
  std::unique_ptr<Document> document =
      Document::Parse(text, DocumentLimits(), context.faults, file);
  if (document == nullptr || document->root().is_map()) return document;
  const Value root = document->root();
  context.faults.Add(
      root.is_null() ? Position{.file = file} : root.at(),
      root.is_null() ? "the file is empty" : "a graph file must be a map");
  return nullptr;
}

bool AddWithIncludes(Context& context, Format format, Source main,
                     std::vector<Source>& sources) {
  IncludeReader reader(context, format, sources);
  reader.Add(std::move(main));
  return reader.complete();
}

void ReadVariables(Context& context, const Field& field, std::string_view path,
                   bool required, Environment& variables) {
  ReadVariablesAt(context, field, context.files.Resolve(field.at().file, path),
                  required, variables);
}

Environment ReadDotEnv(Context& context, uint32_t file, bool also_here) {
  constexpr char kName[] = ".env";
  const Field field{kName, {.file = file}, Value()};
  Environment variables;
  if (also_here) ReadVariablesAt(context, field, kName, false, variables);
  ReadVariables(context, field, kName, /*required=*/false, variables);
  return variables;
}

Value MergedRoot(Context& context, absl::Span<const Source> sources,
                 Document::MergeRules rules,
                 std::unique_ptr<Document>& holder) {
  Value merged = sources.front().root();
  for (const Source& source : sources.subspan(1)) {
    const uint64_t most = DocumentLimits().max_nodes;
    std::unique_ptr<Document> both =
        Document::Merge(merged, source.root(), most, rules);
    if (both == nullptr) {
      context.faults.Add(
          {.file = source.file},
          fmt::format("the files come to more than {} values; the limit "
                      "max_nodes is {}",
                      most, most));
      return merged;
    }
    holder = std::move(both);
    merged = holder->root();
  }
  return merged;
}

void ReadEnvFiles(Context& context, const Field& field,
                  Environment& variables) {
  if (!field.value.is_list()) {
    return ReadEnvFileItem(context, field, variables);
  }
  for (const Value& item : field.value.Items()) {
    ReadEnvFileItem(context, {field.name, field.key_at, item}, variables);
  }
}

}  // namespace w2t::graphfile
