// The fields of a v1.Action.
#ifndef W2T_PROTO_WIRE_ACTION_FIELDS_H_
#define W2T_PROTO_WIRE_ACTION_FIELDS_H_

#include <cstdint>

#include "proto/wire/field.h"
#include "w2t/v1/graph.pb.h"

namespace w2t::wire {

// Checks the actions of one graph.
class ActionChecker {
 public:
  explicit ActionChecker(FieldChecker* check) : check_(*check) {}

  void Check(const v1::Action& action, const FieldPath& path);

 private:
  void CheckExec(const v1::ExecAction& exec, const FieldPath& path);
  void CheckEnv(const v1::ExecAction& exec, const FieldPath& path);
  void CheckProbe(const v1::ReadyProbe& probe, const FieldPath& path);
  void CheckProbeKind(const v1::ReadyProbe& probe, const FieldPath& path);
  void CheckRegex(const std::string& expression, const FieldPath& path);
  void CheckStop(const v1::StopPolicy& stop, const FieldPath& path);
  // A line of shell: not empty, without NUL.
  void CheckLine(const std::string& line, const FieldPath& path);

  FieldChecker& check_;
  // Compiling is the one costly check. When a graph has used this up, workers
  // find what is wrong with its other expressions.
  uint64_t regex_budget_ = 100'000;
};

}  // namespace w2t::wire

#endif  // W2T_PROTO_WIRE_ACTION_FIELDS_H_
