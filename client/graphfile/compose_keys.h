// The keys of one service in a docker-compose file.
#ifndef W2T_CLIENT_GRAPHFILE_COMPOSE_KEYS_H_
#define W2T_CLIENT_GRAPHFILE_COMPOSE_KEYS_H_

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "client/graphfile/draft.h"
#include "client/graphfile/fields.h"

namespace w2t::graphfile {

// What is found all over the file.
struct ComposeProject {
  std::set<std::string, std::less<>> dropped;  // keys that are not carried over
  std::set<std::string, std::less<>> unset;    // variables that are empty
  std::set<std::string, std::less<>> passed;   // variables without a value
  Environment taken;  // variables from outside that count in it
  std::string name;
};

struct ComposeService {
  ComposeProject* project;
  Position name_at;
  Value body;
  TaskDraft task;
  bool has_image = false;
  bool has_healthcheck = false;
  Position healthcheck_at;
  absl::Duration start_period;
  std::optional<absl::Duration> stop_grace;
  bool restarts = false;        // whatever its exit code
  bool is_waited_for = false;   // to be healthy
  std::vector<EdgeDraft> uses;  // of other services, beside depends_on
};

// Reads all keys but `profiles`.
void ReadComposeService(Context& context, const Field& body,
                        ComposeService& service);

// Its `healthcheck`, which becomes the probe of the service.
void ReadComposeHealthcheck(Context& context, const Field& field,
                            ComposeService& service);

}  // namespace w2t::graphfile

#endif  // W2T_CLIENT_GRAPHFILE_COMPOSE_KEYS_H_
