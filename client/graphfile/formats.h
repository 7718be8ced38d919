// The formats that are read, each from a parsed document into a draft.
#ifndef W2T_CLIENT_GRAPHFILE_FORMATS_H_
#define W2T_CLIENT_GRAPHFILE_FORMATS_H_

#include "client/graphfile/document.h"
#include "client/graphfile/draft.h"
#include "client/graphfile/fields.h"
#include "client/graphfile/source.h"

namespace w2t::graphfile {

// All sources together: each counts on top of those before it.
void ReadGraphFormat(Context& context, absl::Span<const Source> sources,
                     Draft& draft);
void ReadCompose(Context& context, absl::Span<const Source> sources,
                 Draft& draft);
void ReadProcessCompose(Context& context, absl::Span<const Source> sources,
                        Draft& draft);
// One file.
void ReadWfFormat(Context& context, const Value& root, Draft& draft);

}  // namespace w2t::graphfile

#endif  // W2T_CLIENT_GRAPHFILE_FORMATS_H_
