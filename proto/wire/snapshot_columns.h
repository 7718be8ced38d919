// The columns of a run's tasks and events in a snapshot.
#ifndef W2T_PROTO_WIRE_SNAPSHOT_COLUMNS_H_
#define W2T_PROTO_WIRE_SNAPSHOT_COLUMNS_H_

#include "core/run/run_data.h"
#include "w2t/journal/v1/snapshot.pb.h"

namespace w2t::wire {

void EncodeTasks(const RunData& data, journal::v1::TaskColumns* out);
// False when the columns differ in length. `out` has its create_us already.
bool DecodeTasks(const journal::v1::TaskColumns& columns, RunData* out);

void EncodeEvents(const RunData& data, journal::v1::EventColumns* out);
bool DecodeEvents(const journal::v1::EventColumns& columns, RunData* out);

}  // namespace w2t::wire

#endif  // W2T_PROTO_WIRE_SNAPSHOT_COLUMNS_H_
