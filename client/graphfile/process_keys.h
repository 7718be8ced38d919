// The keys of one process in a process-compose file.
#ifndef W2T_CLIENT_GRAPHFILE_PROCESS_KEYS_H_
#define W2T_CLIENT_GRAPHFILE_PROCESS_KEYS_H_

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "client/graphfile/draft.h"
#include "client/graphfile/fields.h"

namespace w2t::graphfile {

// What the whole file says for all of its processes.
struct ProjectDraft {
  Draft& draft;
  Environment environment;
  Environment dot_env;  // counts below it
  Environment vars;
  // Lines whose output is the value of a variable, by its name.
  Environment env_commands;
  std::string shell = "bash";
  std::string shell_argument = "-c";
  std::string log_location;
  // The folders of files that others build on, by number: their processes run
  // there.
  std::map<uint32_t, std::string> folders;

  // Keys that mean nothing here.
  std::set<std::string, std::less<>> dropped;
  bool logs_to_files = false;
};

// One process, or one of its replicas.
struct ProcessDraft {
  ProjectDraft& project;
  uint32_t replica = 0;
  uint32_t replicas = 1;
  TaskDraft task;
  std::string command;
  std::vector<std::string> entrypoint;
  std::string log_location;
  Environment vars;  // with those of the project
  bool renders = true;
  bool is_daemon = false;
  bool reads_dot_env = true;
  bool has_ready_log_line = false;
  bool has_readiness_probe = false;
};

// process_list.cc
// Reads all processes into the draft, each as often as it has replicas.
void ReadProcesses(Context& context, const Field& processes,
                   ProjectDraft& project);

// Reads all keys but those that say whether there is such a process, and how
// often, which the file's reader has read before.
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

// process_run.cc
// The last word on what the process runs, once all keys are read.
void FinishProcess(Context& context, const Field& body, ProcessDraft& process);
// A line for `sh` that runs `line` by the project's shell, in `dir` unless it
// is empty.
std::string RunByProject(const ProjectDraft& project, std::string_view line,
                         std::string_view dir);

// process_templates.cc
// Names and values; each is one word or line.
void ReadVars(Context& context, const Field& field, Environment& vars);
// A text that is not empty, with the process's vars put into {{.NAME}}.
std::optional<std::string> ReadRendered(Context& context, const Field& field,
                                        const ProcessDraft& process);

// What YAML calls true and false, as process-compose reads it.
std::optional<bool> ReadProcessBool(Context& context, const Field& field);
// A switch that may only be off; `why` goes into the fault.
void RefuseSwitch(Context& context, const Field& field, std::string_view why);

}  // namespace w2t::graphfile

#endif  // W2T_CLIENT_GRAPHFILE_PROCESS_KEYS_H_
