#include "tests/support/fixture.h"

#include <filesystem>

namespace w2t::test {

std::string SharedCases() {
  const std::string path = W2T_TEST_CASES;
  return std::filesystem::is_directory(path) ? path : "";
}

}  // namespace w2t::test
