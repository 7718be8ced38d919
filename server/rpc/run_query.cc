#include "server/rpc/run_query.h"

#include <memory>

#include "fmt/format.h"
#include "server/rpc/checks.h"

namespace w2t::server {
namespace {

absl::Status NoRun(const std::string& run_id) {
  return NotFound("run_id", fmt::format("no run '{}'", run_id));
}

// Back on the loop with a run from the archive.
void LookAtLoaded(const CallContext* context, std::shared_ptr<const Run> run,
                  RunLook look) {
  context->inbox->PostQuery([context, run = std::move(run),
                             look = std::move(look)](const View* view) mutable {
    if (view == nullptr) {
      look(context->inbox->WhyRefused());
    } else if (!view->engine.FindId(run->spec().run_id)) {
      look(NoRun(run->spec().run_id));  // forgotten meanwhile
    } else {
      look(RunInView{run.get(), view});
    }
  });
}

}  // namespace

void LookAtRun(const CallContext* context, const View* view,
               const std::string& run_id, RunLook look) {
  if (view == nullptr) {
    look(context->inbox->WhyRefused());
    return;
  }
  const RunNumber number = view->engine.FindId(run_id);
  if (!number) {
    look(NoRun(run_id));
    return;
  }
  if (const Run* run = view->engine.FindRun(number); run != nullptr) {
    look(RunInView{run, view});
    return;
  }
  context->archive->Load(
      number, [context, look = std::move(look)](
                  absl::StatusOr<std::shared_ptr<const Run>> run) mutable {
        if (run.ok()) {
          LookAtLoaded(context, *std::move(run), std::move(look));
        } else {
          look(run.status());
        }
      });
}

}  // namespace w2t::server
