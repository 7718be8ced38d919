#include "client/lib/address.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace w2t {
namespace {

TEST(CheckAddress, TakesBothForms) {
  for (const char* address :
       {"127.0.0.1:7420", "localhost:1", "[::1]:65535", "w2td.example.org:7420",
        "unix:/tmp/w2td.sock", "unix:relative.sock"}) {
    EXPECT_TRUE(CheckAddress(address).ok()) << address;
  }
}

TEST(CheckAddress, SaysWhatIsWrong) {
  for (const char* address :
       {"", "nowhere", ":7420", "host:", "host:0", "host:65536", "host:http",
        "host:80x", "::1:7420", "http://host:80", "unix:"}) {
    const absl::Status status = CheckAddress(address);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << address;
    EXPECT_FALSE(status.message().empty());
  }
}

TEST(CheckAddress, SocketPathFitsTheSystem) {
  EXPECT_TRUE(CheckAddress("unix:" + std::string(107, 'x')).ok());
  const absl::Status status = CheckAddress("unix:" + std::string(108, 'x'));
  EXPECT_THAT(std::string(status.message()),
              ::testing::HasSubstr("108 bytes; the system's limit is 107"));
}

}  // namespace
}  // namespace w2t
