// Tasks as our own format declares them, before they are read: in several
// files, left out by their profiles, or there several times.
#ifndef W2T_CLIENT_GRAPHFILE_DECLARED_H_
#define W2T_CLIENT_GRAPHFILE_DECLARED_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/inlined_vector.h"
#include "absl/strings/string_view.h"
#include "client/graphfile/draft.h"
#include "client/graphfile/fields.h"
#include "client/graphfile/source.h"

namespace w2t::graphfile {

// What one file says of a task.
struct Layer {
  Field body;
  const Source* source;
};
using Layers = absl::InlinedVector<Layer, 1>;

struct Declared {
  std::string_view name;
  v1::TaskKind kind;
  Layers layers;  // the last one to say something counts
};

// The name of the variable that tells replicas apart, as the file sees it and
// as a running task does.
inline constexpr char kReplica[] = "REPLICA";
inline constexpr char kReplicaVariable[] = "W2T_REPLICA";

// A variable that a task is there for each value of.
struct Axis {
  std::string name;
  std::vector<std::string> values;
};

// What `profiles`, `matrix`, `replicas` and `rollout` make of a task.
struct Shape {
  std::vector<std::string> profiles;
  bool left_out = false;
  std::vector<Axis> axes;          // replicas come last
  uint64_t count = 1;              // the product of their sizes
  std::optional<Rollout> rollout;  // its tasks are those of this shape
};

// The variables of one of the tasks that a shape makes, and its name.
Environment VariablesOf(const Shape& shape, uint64_t instance);
std::string NameOf(std::string_view name, const Shape& shape,
                   uint64_t instance);

// The shapes of all tasks that have one. `Context` counts what they come to.
class Shapes {
 public:
  // Reads that of `declared`, with what the defaults of its kind say.
  void Read(Context& context, const Declared& declared, const Layers& defaults);
  // Notes profiles that were asked for and that no task has.
  void NoteUnknownProfiles(Context& context) const;
  // Notes numbers of replicas that were asked for and that no task can have.
  void CheckScales(Context& context) const;

  // Null for a task that is there just once, and always.
  const Shape* Find(std::string_view name) const;
  // Puts the tasks that are meant in place of those that the edges of a task
  // name. Notes dependencies on what is left out.
  void Resolve(Context& context, TaskDraft& draft) const;

 private:
  void ResolveEdge(Context& context, EdgeDraft edge, TaskDraft& draft) const;
  // Once the number of replicas is known.
  static void CheckRollout(Context& context, const Declared& declared,
                           Shape& shape);

  absl::flat_hash_map<absl::string_view, Shape> shapes_;
  uint64_t total_ = 0;  // tasks that they come to
};

}  // namespace w2t::graphfile

#endif  // W2T_CLIENT_GRAPHFILE_DECLARED_H_
