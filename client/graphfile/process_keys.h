// The keys of one process in a process-compose file.
#ifndef W2T_CLIENT_GRAPHFILE_PROCESS_KEYS_H_
#define W2T_CLIENT_GRAPHFILE_PROCESS_KEYS_H_

#include <set>
#include <string>
#include <string_view>

#include "absl/container/btree_map.h"
#include "client/graphfile/draft.h"
#include "client/graphfile/fields.h"

namespace w2t::graphfile {

// What the whole file says for all of its processes.
struct ProjectDraft {
  Draft& draft;
  absl::btree_map<std::string, std::string> environment;
  std::string shell = "bash";
  std::string log_location;
  bool expand_environment = true;

  // Keys that mean nothing here.
  std::set<std::string, std::less<>> dropped;
  bool logs_to_files = false;
};

// One process; its replicas are alike but for their names.
struct ProcessDraft {
  ProjectDraft& project;
  TaskDraft task;
  std::string command;
  std::string log_location;
  bool has_ready_log_line = false;
  bool has_readiness_probe = false;
};

// Reads all keys but `replicas`, which the file's reader has read before.
void ReadProcess(Context& context, const Field& body, ProcessDraft& process);

// process_policies.cc
void ReadAvailability(Context& context, const Field& field,
                      ProcessDraft& process);
void ReadShutdown(Context& context, const Field& field, ProcessDraft& process);

// process_probes.cc
void ReadReadinessProbe(Context& context, const Field& field,
                        ProcessDraft& process);
void ReadLivenessProbe(Context& context, const Field& field,
                       ProcessDraft& process);

// Text in which process-compose puts in variables before anything runs. In a
// line for a shell they are left to that shell, which has the same ones.
std::optional<std::string> ReadExpandedLine(Context& context,
                                            const Field& field,
                                            const ProjectDraft& project);
// Elsewhere there is nobody to put them in: refused.
std::optional<std::string> ReadExpandedText(Context& context,
                                            const Field& field,
                                            const ProjectDraft& project);
// The same for all values of an environment.
std::optional<absl::btree_map<std::string, std::string>>
ReadExpandedEnvironment(Context& context, const Field& field,
                        const ProjectDraft& project);

// A switch that may only stand at what it is here anyway.
void ReadSwitch(Context& context, const Field& field, bool served);

}  // namespace w2t::graphfile

#endif  // W2T_CLIENT_GRAPHFILE_PROCESS_KEYS_H_
