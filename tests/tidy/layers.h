// Who may include whom, and which folder may use which other library.
#ifndef W2T_TESTS_TIDY_LAYERS_H_
#define W2T_TESTS_TIDY_LAYERS_H_

#include <vector>

#include "tests/tidy/source.h"

namespace w2t::tidy {

// Includes of our own headers that the one-way rule forbids.
Findings CheckLayers(const std::vector<File>& files);

// Includes of another library's headers outside the folders it is meant for.
Findings CheckLibraries(const std::vector<File>& files);

// Standard and system headers that core must not see.
Findings CheckPureHeaders(const std::vector<File>& files);

// Files and folders at the top that are not on the list.
Findings CheckTopLevel(const std::vector<File>& files);

}  // namespace w2t::tidy

#endif  // W2T_TESTS_TIDY_LAYERS_H_
