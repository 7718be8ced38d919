// The fields of a v1.Graph, one part at a time: each function reports what is
// wrong with its part and returns the best reading of it, so that one bad field
// does not hide the next.
#ifndef W2T_PROTO_WIRE_GRAPH_FIELDS_H_
#define W2T_PROTO_WIRE_GRAPH_FIELDS_H_

#include <google/protobuf/map.h>
#include <google/protobuf/repeated_ptr_field.h>

#include <string>
#include <utility>
#include <vector>

#include "proto/wire/field.h"
#include "w2t/graph.h"
#include "w2t/v1/graph.pb.h"

namespace w2t::wire {

// Letters, digits, '-', '_' and '.'; the length is Blueprint's affair.
void CheckGraphName(const v1::Graph& graph, const FieldPath& path,
                    FieldChecker* check);

// Everything of a task but `demand` and `retry`, which are numbers in the
// graph.
TaskSpec DecodeTask(const v1::Task& task, const FieldPath& path,
                    FieldChecker* check);
RetryPolicy DecodeRetry(const v1::RetryPolicy& retry, const FieldPath& path,
                        FieldChecker* check);
// Sorted by name, without those of which there are none. `path` is the message
// that has the field `resources`.
std::vector<Resource> DecodeResources(
    const google::protobuf::RepeatedPtrField<v1::Resource>& resources,
    const FieldPath& path, FieldChecker* check);
// Sorted by key. `path` is the message that has the field `labels`; how many
// there may be is the caller's affair.
std::vector<std::pair<std::string, std::string>> DecodeLabels(
    const google::protobuf::Map<std::string, std::string>& labels,
    const FieldPath& path, FieldChecker* check);

}  // namespace w2t::wire

#endif  // W2T_PROTO_WIRE_GRAPH_FIELDS_H_
