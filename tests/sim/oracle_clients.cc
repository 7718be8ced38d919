// What clients were promised.
#include "fmt/format.h"
#include "tests/sim/oracle.h"

namespace w2t::sim {

void Oracle::HearsSubmitted(const std::string& request_id,
                            const std::string& run_id) {
  const auto [it, fresh] = submitted_.emplace(request_id, run_id);
  if (fresh || it->second == run_id) return;
  if (!forgotten_.contains(it->second)) {
    Fault(fmt::format("request {} is run {} and run {}", request_id, it->second,
                      run_id));
  }
  it->second = run_id;
}

void Oracle::HearsEvent(const std::string& run_id, uint64_t seq,
                        std::string event) {
  const auto [it, fresh] = events_[run_id].emplace(seq, event);
  if (fresh || it->second == event) return;
  Fault(fmt::format("event {} of run {} was told as {} and as {}", seq, run_id,
                    it->second, event));
}

void Oracle::HearsRestarted(const std::string& request_id) {
  if (!restarts_.contains(request_id)) {
    Fault(
        fmt::format("the acknowledged restart {} is not durable", request_id));
  }
}

void Oracle::HearsRevised(const std::string& run_id) {
  if (++heard_revisions_[run_id] > revisions_[run_id]) {
    Fault(fmt::format("an acknowledged revision of run {} is not durable",
                      run_id));
  }
}

void Oracle::HearsNoSuchRun(const std::string& run_id) {
  if (!forgotten_.contains(run_id)) {
    Fault(fmt::format("run {} is not known", run_id));
  }
}

void Oracle::CheckPromises(const server::View& view) {
  for (const auto& [request_id, run_id] : submitted_) {
    if (forgotten_.contains(run_id)) continue;
    if (!view.engine.FindId(run_id)) {
      Fault(fmt::format("run {} was acknowledged and is lost", run_id));
    }
    const Run* run = view.engine.FindRun(run_id);
    if (run != nullptr && cancelled_.contains(run_id) && !run->stopping() &&
        !IsEnded(run->state())) {
      Fault(fmt::format("run {} was cancelled and goes on", run_id));
    }
  }
}

}  // namespace w2t::sim
