// The graph files that commands take.
#ifndef W2T_CLIENT_CLI_GRAPH_INPUT_H_
#define W2T_CLIENT_CLI_GRAPH_INPUT_H_

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "client/graphfile/graph_file.h"

namespace CLI {
class App;
}

namespace w2t::cli {

struct Context;

struct GraphFlags {
  std::string file;
  std::vector<std::string> more_files;  // on top of that one, in order
  std::vector<std::string> targets;
  std::vector<std::string> profiles;
  std::map<std::string, uint32_t, std::less<>> replicas;
  std::string format = "auto";
  std::optional<double> time_scale;
};

// Declares FILE, TARGET, --file, --profile, --format and --time-scale. `flags`
// must outlive `command`.
void AddGraphFlags(CLI::App& command, GraphFlags& flags);

// The same without FILE and TARGET.
void AddGraphOptions(CLI::App& command, GraphFlags& flags);

// "NAME=N": a task has so many replicas, whatever the file says.
// INVALID_ARGUMENT.
absl::Status AddScale(std::string_view text, GraphFlags& flags);

// What a graph that stays up is called: by its name, else by that of its file.
// Empty: it has neither.
std::string UpName(const graphfile::LoadResult& loaded, std::string_view file);

// How messages call what was read.
std::string FileNames(const GraphFlags& flags);

// `for_run`: as graphfile::Options has it.
graphfile::LoadResult ReadGraph(const GraphFlags& flags, bool for_run = false);

// Reads the file and tells the user what was noted and what is wrong with it,
// every fault as file:line:column. Nothing when it is faulty.
std::optional<graphfile::LoadResult> LoadGraph(const GraphFlags& flags,
                                               const Context& context,
                                               bool for_run = false);

// The same for a graph that is to be run.
std::optional<graphfile::LoadResult> LoadGraphToRun(const GraphFlags& flags,
                                                    const Context& context);

// Says everything that is wrong with a file.
void PrintFaults(const graphfile::LoadResult& loaded, const GraphFlags& flags,
                 const Context& context);

// A graph of nothing but services would end at once if its run were not held.
// docker compose stays as long as a service does that nobody depends on.
bool HoldsByItself(const graphfile::LoadResult& loaded);

}  // namespace w2t::cli

#endif  // W2T_CLIENT_CLI_GRAPH_INPUT_H_
