// Reads what people write: the graph file (YAML or JSON), process-compose and
// docker-compose files, and WfFormat workflow traces. All become the same
// v1.Graph.
//
// Every fault of a file is reported at once, each with its line and column:
// what the file's syntax forbids, and what Blueprint::Build finds in the graph.
#ifndef W2T_CLIENT_GRAPHFILE_GRAPH_FILE_H_
#define W2T_CLIENT_GRAPHFILE_GRAPH_FILE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "w2t/blueprint.h"
#include "w2t/limits.h"
#include "w2t/v1/graph.pb.h"

namespace w2t::graphfile {

enum class Format : uint8_t {
  kDetect,          // by the file's content
  kGraph,           // our own
  kProcessCompose,  // process-compose.yaml
  kWfFormat,        // WfCommons WfFormat JSON
  kCompose,         // docker-compose.yml
};

// Variables by name.
using Environment = std::map<std::string, std::string, std::less<>>;

struct Options {
  Format format = Format::kDetect;
  // WfFormat only: how long a task lasts, as a multiple of its recorded time.
  double time_scale = 1.0;
  // Largest file, in bytes; at most 4 GiB.
  uint64_t max_file_bytes = 64 * 1024 * 1024;
  Limits limits;
  // Tasks with profiles are left out unless one of these is among them; "*" is
  // every one.
  std::vector<std::string> profiles;
  // Only these tasks and what they need; empty: all.
  std::vector<std::string> targets;
  // How many replicas these tasks have, in place of what the file says.
  std::map<std::string, uint32_t, std::less<>> replicas;
  // The graph is to be run and not only looked at: docker-compose services come
  // up by the docker CLI, behind a task that creates what they share.
  bool for_run = false;
  // What ${NAME} stands for, before what the file's own env_file says.
  Environment environment;
  // Reads a file of this path, also those that others include. Default: from
  // disk.
  std::function<absl::StatusOr<std::string>(const std::string& path)> read_file;
};

// One fault, as a compiler reports it. Line and column count from 1; 0 when the
// fault belongs to the file as a whole.
struct Fault {
  std::string file;
  uint32_t line = 0;
  uint32_t column = 0;
  std::string message;

  // "shop.yaml:3:5: message"
  std::string ToString() const;
};

// How the replicas of a service are changed while they are up.
struct Rollout {
  std::vector<std::string> tasks;  // its replicas
  uint32_t max_parallel = 0;       // at once; 0: as many as min_ready leaves
  uint32_t min_ready = 0;          // of them stay up meanwhile
  uint32_t min_ready_percent = 0;  // as the file said; min_ready has it too
};

struct LoadResult {
  // Valid only without faults.
  v1::Graph graph;
  std::shared_ptr<const Blueprint> blueprint;
  Format format = Format::kGraph;
  std::vector<Rollout> rollouts;
  // Things that were read but mean nothing here, one line each, to be shown to
  // the user.
  std::vector<std::string> notes;

  std::vector<Fault> faults;  // in the order of the file; at most 100
  uint64_t total_faults = 0;  // with those that are not listed
};

// Reads files that make up one graph, each on top of those before it and of
// what it includes; all are of one format, and WfFormat is one file. "-" is
// standard input.
LoadResult LoadFiles(absl::Span<const std::string> paths,
                     const Options& options);
// Reads one file.
LoadResult LoadFile(const std::string& path, const Options& options);
// Reads text; `name` stands for the file in faults.
LoadResult LoadText(std::string_view text, std::string_view name,
                    const Options& options);

}  // namespace w2t::graphfile

#endif  // W2T_CLIENT_GRAPHFILE_GRAPH_FILE_H_
