// What docker-compose services run: containers, by the docker CLI of a worker.
#ifndef W2T_CLIENT_GRAPHFILE_COMPOSE_RUN_H_
#define W2T_CLIENT_GRAPHFILE_COMPOSE_RUN_H_

#include <string>
#include <vector>

#include "absl/types/span.h"
#include "client/graphfile/compose_keys.h"
#include "client/graphfile/draft.h"
#include "client/graphfile/source.h"

namespace w2t::graphfile {

// The task that all services come after; no service can be called that.
inline constexpr char kComposeCreate[] = "docker compose create";

// Gives each service the command that brings its container up, the probe that
// tells when it is there, and the command that stops it. Returns the task that
// creates the networks, volumes and containers of those that the options'
// targets need, and lets all depend on it. Notes what cannot be run.
TaskDraft MakeRunnable(Context& context, const ComposeProject& project,
                       absl::Span<const Source> sources,
                       absl::Span<ComposeService* const> services);

}  // namespace w2t::graphfile

#endif  // W2T_CLIENT_GRAPHFILE_COMPOSE_RUN_H_
