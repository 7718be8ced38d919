// The formats that are read, each from a parsed document into a draft.
#ifndef W2T_CLIENT_GRAPHFILE_FORMATS_H_
#define W2T_CLIENT_GRAPHFILE_FORMATS_H_

#include "client/graphfile/document.h"
#include "client/graphfile/draft.h"
#include "client/graphfile/fields.h"

namespace w2t::graphfile {

void ReadGraphFormat(Context& context, const Value& root, Draft& draft);
void ReadProcessCompose(Context& context, const Value& root, Draft& draft);
void ReadWfFormat(Context& context, const Value& root, Draft& draft);

}  // namespace w2t::graphfile

#endif  // W2T_CLIENT_GRAPHFILE_FORMATS_H_
