#include "server/config/addresses.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "fmt/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace w2t::server {
namespace {

using ::testing::HasSubstr;

class AddressesTest : public ::testing::Test {
 protected:
  AddressesTest() {
    char name[] = "/tmp/w2t-addresses-XXXXXX";
    directory_ = mkdtemp(name);
  }
  ~AddressesTest() override { std::filesystem::remove_all(directory_); }

  std::string Path(std::string_view name) const {
    return fmt::format("{}/{}", directory_, name);
  }
  // A listening socket; closed, its file stays behind.
  static int Listen(const std::string& path) {
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un at = {};
    at.sun_family = AF_UNIX;
    std::memcpy(at.sun_path, path.data(), path.size());
    EXPECT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&at), sizeof(at)), 0);
    EXPECT_EQ(listen(fd, 1), 0);
    return fd;
  }

  std::string directory_;
};

TEST_F(AddressesTest, AcceptsBothForms) {
  for (const char* address : {"unix:/run/w2t.sock", "unix:w2t.sock",
                              "127.0.0.1:7420", "[::1]:0", "host:65535"}) {
    EXPECT_TRUE(CheckAddress(address).ok()) << address;
  }
}

TEST_F(AddressesTest, RefusesOtherForms) {
  for (const char* address : {"", "unix:", "7420", ":7420", "host:",
                              "host:65536", "host:x", "a b:1", "host:-1"}) {
    EXPECT_FALSE(CheckAddress(address).ok()) << address;
  }
  const absl::Status status =
      CheckAddress(fmt::format("unix:/{}", std::string(107, 'x')));
  EXPECT_THAT(std::string(status.message()), HasSubstr("limit"));
}

TEST_F(AddressesTest, KnowsWhatIsOfThisMachineOnly) {
  EXPECT_TRUE(IsLocalAddress("unix:/x"));
  EXPECT_TRUE(IsLocalAddress("127.0.0.1:1"));
  EXPECT_TRUE(IsLocalAddress("[::1]:1"));
  EXPECT_TRUE(IsLocalAddress("localhost:1"));
  EXPECT_FALSE(IsLocalAddress("0.0.0.0:1"));
  EXPECT_FALSE(IsLocalAddress("[::]:1"));
  EXPECT_FALSE(IsLocalAddress("10.0.0.1:1"));
}

TEST_F(AddressesTest, RemovesTheSocketOfADeadDaemon) {
  close(Listen(Path("s")));
  ASSERT_TRUE(std::filesystem::exists(Path("s")));
  EXPECT_TRUE(ClearStaleSocket(fmt::format("unix:{}", Path("s"))).ok());
  EXPECT_FALSE(std::filesystem::exists(Path("s")));
}

TEST_F(AddressesTest, LeavesTheSocketOfALiveDaemon) {
  const int fd = Listen(Path("s"));
  const absl::Status status =
      ClearStaleSocket(fmt::format("unix:{}", Path("s")));
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(std::filesystem::exists(Path("s")));
  close(fd);
}

TEST_F(AddressesTest, LeavesAFileThatIsNoSocket) {
  std::ofstream(Path("precious")) << "data";
  const absl::Status status =
      ClearStaleSocket(fmt::format("unix:{}", Path("precious")));
  EXPECT_THAT(std::string(status.message()), HasSubstr("not a socket"));
  EXPECT_TRUE(std::filesystem::exists(Path("precious")));
}

TEST_F(AddressesTest, SaysWhatKeepsItFromListening) {
  const auto why = [](const std::string& address) {
    return std::string(CheckCanListen(address).message());
  };
  EXPECT_EQ(why(fmt::format("unix:{}", Path("s"))), "");
  EXPECT_EQ(why("127.0.0.1:0"), "");
  EXPECT_THAT(why(fmt::format("unix:{}", Path("none/s"))),
              HasSubstr("No such file or directory"));
  std::ofstream(Path("file")) << "data";
  EXPECT_THAT(why(fmt::format("unix:{}/s", Path("file"))),
              HasSubstr("is not a directory"));
  // An address for documentation (RFC 5737) is nobody's.
  EXPECT_THAT(why("192.0.2.1:0"), HasSubstr("Cannot assign"));

  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in at = {};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(at);
  ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&at), size), 0);
  ASSERT_EQ(listen(fd, 1), 0);
  ASSERT_EQ(getsockname(fd, reinterpret_cast<sockaddr*>(&at), &size), 0);
  EXPECT_THAT(why(fmt::format("127.0.0.1:{}", ntohs(at.sin_port))),
              HasSubstr("in use"));
  close(fd);
}

TEST_F(AddressesTest, WritesOneAddressALine) {
  ASSERT_TRUE(WriteAddressFile(Path("a"), {"unix:/x", "127.0.0.1:5"}).ok());
  std::stringstream text;
  text << std::ifstream(Path("a")).rdbuf();
  EXPECT_EQ(text.str(), "unix:/x\n127.0.0.1:5\n");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(directory_), {}),
            1);
}

TEST_F(AddressesTest, SaysWhichAddressFileItCannotWrite) {
  const absl::Status status = WriteAddressFile(Path("no/a"), {});
  EXPECT_THAT(std::string(status.message()), HasSubstr(Path("no/a")));
}

}  // namespace
}  // namespace w2t::server
