// docker-compose files.
#include "tests/fuzz/load_text.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  w2t::fuzz::TryLoadText(data, size, w2t::graphfile::Format::kCompose);
  return 0;
}
