// The fields of a v1.Probe.
#ifndef W2T_PROTO_WIRE_PROBE_FIELDS_H_
#define W2T_PROTO_WIRE_PROBE_FIELDS_H_

#include <cstdint>
#include <string>

#include "proto/wire/field.h"
#include "w2t/v1/graph.pb.h"

namespace w2t::wire {

// Checks the probes of one graph.
class ProbeChecker {
 public:
  explicit ProbeChecker(FieldChecker* check) : check_(*check) {}

  void CheckReady(const v1::Probe& probe, const FieldPath& path);
  void CheckLive(const v1::Probe& probe, const FieldPath& path);

 private:
  void CheckTimes(const v1::Probe& probe, const FieldPath& path);
  void CheckKind(const v1::Probe& probe, const FieldPath& path);
  void CheckTcp(const std::string& address, const FieldPath& path);
  void CheckHttp(const v1::HttpProbe& http, const FieldPath& path);
  void CheckGrpc(const std::string& target, const FieldPath& path);
  void CheckRegex(const std::string& expression, const FieldPath& path);
  // A line of shell or of output: not empty, without NUL.
  void CheckLine(const std::string& line, const FieldPath& path);

  FieldChecker& check_;
  // Compiling is the one costly check. When a graph has used this up, workers
  // find what is wrong with its other expressions.
  uint64_t regex_budget_ = 100'000;
};

}  // namespace w2t::wire

#endif  // W2T_PROTO_WIRE_PROBE_FIELDS_H_
