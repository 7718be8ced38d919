// The declaration of a run as its client sent it: opaque to core, which keeps
// it with the run, hands it to the journal and compares it byte by byte.
#ifndef W2T_CORE_BASE_DEFINITION_H_
#define W2T_CORE_BASE_DEFINITION_H_

#include <string_view>

namespace w2t {

// Immutable, so any number of threads may read one.
class Definition {
 public:
  virtual ~Definition() = default;
  // The form in which it is journaled.
  virtual std::string_view encoded() const = 0;
};

}  // namespace w2t

#endif  // W2T_CORE_BASE_DEFINITION_H_
