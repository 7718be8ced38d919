// Graph files that make up one graph, in the order in which each counts on top
// of those before it.
#ifndef W2T_CLIENT_GRAPHFILE_SOURCE_H_
#define W2T_CLIENT_GRAPHFILE_SOURCE_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "client/graphfile/document.h"
#include "client/graphfile/fields.h"
#include "client/graphfile/scope.h"

namespace w2t::graphfile {

// One file, parsed.
struct Source {
  uint32_t file = 0;
  std::unique_ptr<Document> document;
  Environment variables;  // of its env_file, or of the .env beside it
  bool included = false;  // by another one, and not named by the user

  Value root() const { return document->root(); }
  Scope scope(const Context& context) const {
    return {.outside = &context.options.environment, .file = &variables};
  }
};

// How deep files may include each other.
inline constexpr size_t kMaxIncludeDepth = 16;

// Parses a file. Null when its root is no map; then a fault says why.
std::unique_ptr<Document> ParseSource(Context& context, uint32_t file,
                                      std::string_view text);

// Adds `main`, with the variables of its env_file, behind what it includes, in
// the words of its format. A file that was included before is not read again.
// False when one of them is missing or faulty as a whole.
bool AddWithIncludes(Context& context, Format format, Source main,
                     std::vector<Source>& sources);

// Reads the variables of a file at `path`, which `field` names, on top of what
// is there. The path is relative to the folder of the field's file.
void ReadVariables(Context& context, const Field& field, std::string_view path,
                   bool required, Environment& variables);
// The variables of the .env in the folder of a file, on top of those of the one
// in the working directory if that is asked for; both may be absent.
Environment ReadDotEnv(Context& context, uint32_t file, bool also_here);

// All sources in one, each on top of those before it. `holder` keeps it, unless
// there is one source only.
Value MergedRoot(Context& context, absl::Span<const Source> sources,
                 Document::MergeRules rules, std::unique_ptr<Document>& holder);
// Reads the variables that an `env_file` names, later ones on top: a path, a
// map {path, required}, or a list of those.
void ReadEnvFiles(Context& context, const Field& field, Environment& variables);

}  // namespace w2t::graphfile

#endif  // W2T_CLIENT_GRAPHFILE_SOURCE_H_
