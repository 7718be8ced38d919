// The fields of a v1.Action.
#ifndef W2T_PROTO_WIRE_ACTION_FIELDS_H_
#define W2T_PROTO_WIRE_ACTION_FIELDS_H_

#include "proto/wire/field.h"
#include "proto/wire/probe_fields.h"
#include "w2t/v1/graph.pb.h"

namespace w2t::wire {

// Checks the actions of one graph.
class ActionChecker {
 public:
  explicit ActionChecker(FieldChecker* check)
      : check_(*check), probes_(check) {}

  void Check(const v1::Action& action, const FieldPath& path);

 private:
  void CheckExec(const v1::ExecAction& exec, const FieldPath& path);
  void CheckLimits(const v1::ExecLimits& limits, const FieldPath& path);
  void CheckEnv(const v1::ExecAction& exec, const FieldPath& path);
  void CheckStop(const v1::StopPolicy& stop, const FieldPath& path);

  FieldChecker& check_;
  ProbeChecker probes_;
};

}  // namespace w2t::wire

#endif  // W2T_PROTO_WIRE_ACTION_FIELDS_H_
