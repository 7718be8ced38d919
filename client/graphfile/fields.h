// Typed reading of a document, with every fault noted where it stands. All that
// knows a format is written with these; none of it looks at nodes itself.
#ifndef W2T_CLIENT_GRAPHFILE_FIELDS_H_
#define W2T_CLIENT_GRAPHFILE_FIELDS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/functional/function_ref.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "client/graphfile/document.h"
#include "client/graphfile/faults.h"
#include "client/graphfile/files.h"
#include "client/graphfile/graph_file.h"
#include "google/protobuf/duration.pb.h"

namespace w2t::graphfile {

// What reading a file leads to beside the graph.
struct Context {
  const Options& options;
  Files& files;
  Faults& faults;
  std::vector<std::string>& notes;
  // Those that have been read, by path.
  std::map<std::string, Environment>& env_files;
};

// The value of a key, or an item of its list. `name` is what faults call it.
struct Field {
  std::string_view name;
  Position key_at;
  Value value;

  // Where a fault of the value is shown: a missing value is at its key.
  Position at() const { return value.is_null() ? key_at : value.at(); }
};

// Notes `"name" must be WHAT, not THE VALUE`.
void WrongValue(Context& context, const Field& field, std::string_view what);

// A word or line. Numbers and booleans count as the text that they are.
std::optional<std::string> ReadText(Context& context, const Field& field);
// The same, and not empty.
std::optional<std::string> ReadNonEmptyText(Context& context,
                                            const Field& field);
// A whole number between the two, both included.
std::optional<int64_t> ReadInteger(Context& context, const Field& field,
                                   int64_t least, int64_t most);
std::optional<bool> ReadBool(Context& context, const Field& field);
// A duration as graph files write it.
std::optional<absl::Duration> ReadDuration(Context& context,
                                           const Field& field);
// A whole number of seconds, as process-compose writes it.
std::optional<absl::Duration> ReadSeconds(Context& context, const Field& field,
                                          int64_t least);
// Items of a list, each between the two; a single item may stand without the
// list. `what` they are is for the fault of a value that is neither.
std::optional<std::vector<int32_t>> ReadNumbers(Context& context,
                                                const Field& field,
                                                std::string_view what,
                                                int32_t least, int32_t most);
// A list of texts.
std::optional<std::vector<std::string>> ReadTexts(Context& context,
                                                  const Field& field);
// A map of texts, or a list of "KEY=VALUE".
std::optional<absl::btree_map<std::string, std::string>> ReadEnvironment(
    Context& context, const Field& field);

void SetDuration(absl::Duration duration, google::protobuf::Duration* out);

// Calls `visit` for each entry of a map, in order. Notes keys that are there
// twice (and does not visit the later one) and keys that are no text. False
// when the field is no map; then a fault says so.
bool VisitEntries(Context& context, const Field& map,
                  absl::FunctionRef<void(const Field& entry)> visit);

// Notes `unknown key "comand"; did you mean "command"?`.
void UnknownKey(Context& context, const Field& entry,
                absl::Span<const std::string_view> known);
// Notes `key "matrix" is not served yet`.
void UnservedKey(Context& context, const Field& entry);

// How one key of a map is read into a T.
template <typename T>
struct KeyReader {
  std::string_view key;
  void (*read)(Context& context, const Field& field, T& target);
};

// Reads one entry of a map by a table of its keys. Keys in `unserved` are
// known, and refused as such.
template <typename T>
void ReadKey(Context& context, const Field& entry,
             absl::Span<const KeyReader<T>> keys,
             absl::Span<const std::string_view> unserved, T& target) {
  for (const KeyReader<T>& key : keys) {
    if (key.key == entry.name) return key.read(context, entry, target);
  }
  for (const std::string_view key : unserved) {
    if (key == entry.name) return UnservedKey(context, entry);
  }
  std::vector<std::string_view> known;
  for (const KeyReader<T>& key : keys) known.push_back(key.key);
  known.insert(known.end(), unserved.begin(), unserved.end());
  UnknownKey(context, entry, known);
}

// Reads a whole map in this way. False when the field is no map.
template <typename T>
bool ReadMap(Context& context, const Field& map,
             absl::Span<const KeyReader<T>> keys,
             absl::Span<const std::string_view> unserved, T& target) {
  return VisitEntries(context, map, [&](const Field& entry) {
    ReadKey<T>(context, entry, keys, unserved, target);
  });
}

}  // namespace w2t::graphfile

#endif  // W2T_CLIENT_GRAPHFILE_FIELDS_H_
