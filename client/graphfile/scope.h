// What the variables of a place in a file stand for, and the values there with
// the variables put in.
#ifndef W2T_CLIENT_GRAPHFILE_SCOPE_H_
#define W2T_CLIENT_GRAPHFILE_SCOPE_H_

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "client/graphfile/document.h"
#include "client/graphfile/expand.h"
#include "client/graphfile/fields.h"

namespace w2t::graphfile {

// The nearest one that has a name says what it is. Each may be null, and
// outlives the scope.
struct Scope {
  const Environment* own = nullptr;      // of one task
  const Environment* outside = nullptr;  // of whoever reads the file
  const Environment* file = nullptr;     // of its env_file
  // When there is one, a name that is not set stands for nothing, and is added.
  std::set<std::string, std::less<>>* unset = nullptr;
  // When there is one, variables that come from outside are added.
  Environment* taken = nullptr;

  std::optional<std::string_view> Find(std::string_view name) const;
};

// How many values one task may have, when some of them hold variables.
inline constexpr uint64_t kMaxExpandedValues = 1'000'000;

// What stands below `field`, with its variables put in. Where there are none,
// nothing is copied; else `holder` keeps the copy, and must outlive what is
// returned. Notes each fault.
Field ExpandValues(Context& context, const Field& field, const Scope& scope,
                   std::unique_ptr<Document>& holder);
// The same for a process-compose file. A line that a shell runs keeps the
// variables that are not set: the shell may have them.
Field ExpandProcesses(Context& context, const Field& file, const Scope& scope,
                      std::unique_ptr<Document>& holder);
// The same for all of a task. A line that a shell runs keeps the variables that
// are not the task's own: the shell has them.
Field ExpandTask(Context& context, const Field& body, const Scope& scope,
                 std::unique_ptr<Document>& holder);

}  // namespace w2t::graphfile

#endif  // W2T_CLIENT_GRAPHFILE_SCOPE_H_
