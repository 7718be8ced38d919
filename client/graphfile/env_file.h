// Files of variables, as `env_file` names them:
//
//   # a comment
//   export NAME=value        # "export" may be there
//   QUOTED="two\nlines ${OTHER}"
//   PLAIN='as it is'
//
// Values without quotes end at " #"; variables in them and in double quotes are
// those above in the file and the ones outside. Quoted values may span lines.
#ifndef W2T_CLIENT_GRAPHFILE_ENV_FILE_H_
#define W2T_CLIENT_GRAPHFILE_ENV_FILE_H_

#include <string_view>

#include "client/graphfile/expand.h"
#include "client/graphfile/faults.h"
#include "client/graphfile/graph_file.h"

namespace w2t::graphfile {

// Reads `text` into `variables`; of a name that is there twice the last one
// counts. Notes each fault where it stands in `file`.
void ReadEnvText(std::string_view text, uint32_t file, Lookup outside,
                 Environment& variables, Faults& faults);

}  // namespace w2t::graphfile

#endif  // W2T_CLIENT_GRAPHFILE_ENV_FILE_H_
