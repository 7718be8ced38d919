// Parts of snapshots between core and the bytes of the journal. The bytes are
// messages of w2t/journal/v1/snapshot.proto; framing and checksum are the
// journal's own. Decoding gives DATA_LOSS when the bytes are no such message,
// or hold something that this version does not know.
#ifndef W2T_PROTO_WIRE_SNAPSHOT_CODEC_H_
#define W2T_PROTO_WIRE_SNAPSHOT_CODEC_H_

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "core/engine/engine_data.h"
#include "core/run/run.h"

namespace w2t::wire {

std::string EncodeEngine(const EngineData& data);
absl::StatusOr<EngineData> DecodeEngine(std::string_view bytes);

using NamedWorkers = std::vector<std::pair<WorkerNumber, std::string>>;
std::string EncodeWorkers(const NamedWorkers& workers);
absl::StatusOr<NamedWorkers> DecodeWorkers(std::string_view bytes);

std::string EncodeEnded(const RunSummary& summary);
absl::StatusOr<RunSummary> DecodeEnded(std::string_view bytes);

// A run without its graph, which is a part of its own.
struct RunParts {
  Run::Spec spec;  // without blueprint and definition
  RunData data;
};
std::string EncodeRun(const Run& run);
absl::StatusOr<RunParts> DecodeRun(std::string_view bytes);

}  // namespace w2t::wire

#endif  // W2T_PROTO_WIRE_SNAPSHOT_CODEC_H_
