#include "client/graphfile/formats.h"

namespace w2t::graphfile {

void ReadWfFormat(Context& context, const Value& root, Draft& /*draft*/) {
  context.faults.Add(root.at(), "workflow traces are not served yet");
}

}  // namespace w2t::graphfile
