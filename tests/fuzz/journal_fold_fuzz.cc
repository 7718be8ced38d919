// A whole journal folded into an engine: batches that mostly fit each other,
// and some that fit nothing. Each is read as it would be from a disk. A batch
// is refused, or leads to a state that goes on: one that can be taken apart and
// restored, also from damaged parts, and that a daemon can start on.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/engine/engine.h"
#include "proto/wire/graph_codec.h"
#include "proto/wire/journal_codec.h"
#include "proto/wire/snapshot_codec.h"
#include "tests/fuzz/facts.h"
#include "tests/fuzz/program.h"

namespace {

using w2t::Engine;
using w2t::EngineOptions;
using w2t::fuzz::Program;
using w2t::fuzz::Require;
namespace wire = w2t::wire;

EngineOptions Options() {
  EngineOptions options;
  options.limits.max_lost_attempts = 2;
  options.limits.max_run_events = 50;
  return options;
}

// An engine's state in the bytes that a snapshot holds.
struct Parts {
  std::string engine;
  std::vector<std::pair<std::string, std::string>> runs;  // and their graphs
  std::vector<std::string> ended;
};

Parts PartsOf(const Engine& engine) {
  Parts parts;
  const w2t::EngineData data = engine.Data();
  parts.engine = wire::EncodeEngine(data);
  for (const w2t::RunNumber number : data.runs) {
    const w2t::Run& run = *engine.FindRun(number);
    parts.runs.emplace_back(wire::EncodeRun(run),
                            run.spec().definition->encoded());
  }
  for (const w2t::RunNumber number : data.ended) {
    parts.ended.push_back(
        wire::EncodeEnded(Engine::SummaryOf(*engine.FindRun(number))));
  }
  return parts;
}

// Null when something is refused, which it may be if `damaged`.
std::unique_ptr<Engine> Restore(const Parts& parts, bool damaged) {
  auto engine = std::make_unique<Engine>(Options());
  const auto data = wire::DecodeEngine(parts.engine);
  bool fits = data.ok() && engine->Restore(*data).ok();
  for (const auto& [bytes, graph] : parts.runs) {
    auto run = wire::DecodeRun(bytes);
    wire::DecodedGraph decoded = wire::RestoreGraph(graph);
    if (!fits || !run.ok() || decoded.blueprint == nullptr) {
      fits = false;
      break;
    }
    run->spec.blueprint = std::move(decoded.blueprint);
    run->spec.definition = std::move(decoded.definition);
    fits = engine->Restore(std::move(run->spec), std::move(run->data)).ok();
  }
  for (const std::string& bytes : parts.ended) {
    auto summary = wire::DecodeEnded(bytes);
    fits = fits && summary.ok() && engine->Restore(*std::move(summary)).ok();
  }
  Require(fits || damaged);
  return fits ? std::move(engine) : nullptr;
}

// What a daemon does on it for a while.
void GoOn(Engine& engine, absl::Time now) {
  engine.Start(now);
  w2t::HelloEvent hello;
  hello.session = {1};
  hello.spec.name = "fresh";
  hello.spec.instance = "1";
  hello.spec.resources = {{w2t::kCpus, 2'000}};
  hello.spec.capabilities = {w2t::kExecCapability};
  hello.spec.max_leases = 4;
  std::vector<w2t::Event> events;
  events.emplace_back(std::move(hello));
  for (int i = 0; i < 4; ++i) {
    engine.Step(absl::MakeSpan(events), now);
    events.clear();
    now = std::max(now, std::min(engine.NextWakeup(), now + absl::Hours(1)));
  }
  static_cast<void>(engine.Hash());
}

// Changes a few bytes anywhere.
void Damage(Program& program, Parts& parts) {
  std::vector<std::string*> all = {&parts.engine};
  for (auto& [run, graph] : parts.runs) all.push_back(&run);
  for (std::string& ended : parts.ended) all.push_back(&ended);
  for (uint32_t i = 1 + program.Below(4); i > 0; --i) {
    std::string& part = *all[program.Byte() % all.size()];
    if (part.empty()) continue;
    const size_t at = (program.Byte() * 256U + program.Byte()) % part.size();
    part[at] = static_cast<char>(program.Byte());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 2'048) return 0;
  Program program(data, size);
  Engine engine(Options());
  w2t::fuzz::FactMaker maker(&program, &engine);
  absl::Time now = absl::FromUnixSeconds(1'000'000'000);
  bool fits = true;
  while (!program.done() && fits && program.Byte() != 255) {
    w2t::FactBatch batch{now, {}};
    if (auto fact = maker.Make()) batch.facts.push_back(*std::move(fact));
    now += absl::Milliseconds(program.Byte());
    const auto read = wire::DecodeBatch(wire::EncodeBatch(batch));
    Require(read.ok());
    const absl::Status status = engine.Replay(*read);
    Require(status.ok() || status.code() == absl::StatusCode::kInternal);
    fits = status.ok();
  }
  if (!fits) return 0;  // nobody goes on with this one
  Parts parts = PartsOf(engine);
  const std::unique_ptr<Engine> restored = Restore(parts, false);
  Require(restored->Hash() == engine.Hash());
  GoOn(engine, now);
  GoOn(*restored, now);
  Require(restored->Hash() == engine.Hash());
  if (program.done()) return 0;
  Damage(program, parts);
  if (const auto other = Restore(parts, true)) GoOn(*other, now);
  return 0;
}
