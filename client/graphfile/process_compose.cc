#include "client/graphfile/formats.h"

namespace w2t::graphfile {

void ReadProcessCompose(Context& context, const Value& root, Draft& /*draft*/) {
  context.faults.Add(root.at(), "process-compose files are not served yet");
}

}  // namespace w2t::graphfile
