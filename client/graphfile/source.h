// Graph files that make up one graph, in the order in which each counts on top
// of those before it.
#ifndef W2T_CLIENT_GRAPHFILE_SOURCE_H_
#define W2T_CLIENT_GRAPHFILE_SOURCE_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "client/graphfile/document.h"
#include "client/graphfile/fields.h"
#include "client/graphfile/scope.h"

namespace w2t::graphfile {

// One file, parsed.
struct Source {
  uint32_t file = 0;
  std::unique_ptr<Document> document;
  Environment variables;  // of its env_file

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

// Adds `main`, with the variables of its env_file, behind what it includes. A
// file that was included before is not read again. False when one of them is
// missing or faulty as a whole.
bool AddWithIncludes(Context& context, Source main,
                     std::vector<Source>& sources);

// Reads the variables of a file at `path`, which `field` names, on top of what
// is there.
void ReadVariables(Context& context, const Field& field, std::string_view path,
                   bool required, Environment& variables);
// Reads the variables that an `env_file` names, later ones on top: a path, a
// map {path, required}, or a list of those.
void ReadEnvFiles(Context& context, const Field& field, Environment& variables);

}  // namespace w2t::graphfile

#endif  // W2T_CLIENT_GRAPHFILE_SOURCE_H_
