// Batches of facts between core and the bytes of the journal. The bytes are a
// w2t.journal.v1.Batch; framing and checksum are the journal's own.
#ifndef W2T_PROTO_WIRE_JOURNAL_CODEC_H_
#define W2T_PROTO_WIRE_JOURNAL_CODEC_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "core/engine/fact.h"

namespace w2t::wire {

std::string EncodeBatch(const FactBatch& batch);
// DATA_LOSS when `bytes` are no batch, or hold something that this version does
// not know. Limits play no part: what was accepted once stays readable when one
// is lowered.
absl::StatusOr<FactBatch> DecodeBatch(std::string_view bytes);

}  // namespace w2t::wire

#endif  // W2T_PROTO_WIRE_JOURNAL_CODEC_H_
