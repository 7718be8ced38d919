// Probes over HTTP, against servers of every kind of manners.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include "absl/synchronization/notification.h"
#include "tests/unit/client_worker/probe_env.h"
#include "tests/unit/client_worker/tls_server.h"

namespace w2t::worker {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

std::string Answer(std::string_view status, std::string_view body = "") {
  return fmt::format("HTTP/1.1 {}\r\nContent-Length: {}\r\n\r\n{}", status,
                     body.size(), body);
}

ScriptServer::Serve AlwaysSay(std::string answer) {
  return [answer = std::move(answer)](int fd) {
    ReadRequest(fd);
    SendText(fd, answer);
  };
}

class HttpProbeTest : public ProbeTest {
 protected:
  static std::string Url(int port, std::string_view scheme = "http") {
    return fmt::format("{}://127.0.0.1:{}/healthz", scheme, port);
  }
  // One that gives up after the first probe.
  static v1::Action Once(const std::string& url) {
    v1::Action action = Service();
    action.mutable_ready()->mutable_http()->set_url(url);
    action.mutable_ready()->set_failures(1);
    *action.mutable_ready()->mutable_timeout() = Millis(20'000);
    return action;
  }
  static v1::Action Impatient(const std::string& url) {
    v1::Action action = Once(url);
    *action.mutable_ready()->mutable_timeout() = Millis(100);
    return action;
  }
  std::string MessageOf(v1::Action action) {
    const Record record = env_.Run(std::move(action));
    EXPECT_FALSE(record.up);
    EXPECT_EQ(record.outcome->state, v1::TASK_STATE_FAILED);
    return record.outcome->message;
  }
};

TEST_F(HttpProbeTest, PassesOnceTheStatusIsGood) {
  std::atomic<bool> healthy = false;
  absl::Notification asked;
  ScriptServer server([&](int fd) {
    ReadRequest(fd);
    SendText(fd, Answer(healthy ? "200 OK" : "503 No"));
    if (!healthy && !asked.HasBeenNotified()) asked.Notify();
  });
  v1::Action action = Service();
  action.mutable_ready()->mutable_http()->set_url(Url(server.port()));
  *action.mutable_ready()->mutable_every() = Millis(10);
  const uint64_t fence = env_.Start(action);
  ASSERT_TRUE(asked.WaitForNotificationWithTimeout(absl::Seconds(60)));
  healthy = true;
  env_.AwaitUp(fence);
  env_.Cancel(fence);
  env_.Await(fence);
}

TEST_F(HttpProbeTest, AWrongStatusIsToldWithTheBodysFirstLine) {
  ScriptServer server(AlwaysSay(Answer("503 No", "still loading\nmore")));
  const std::string url = Url(server.port());
  EXPECT_EQ(MessageOf(Once(url)),
            fmt::format("not ready: a probe failed; last probe: GET "
                        "{}: status 503: still loading; stopped by TERM",
                        url));
}

TEST_F(HttpProbeTest, RedirectionsPassAndAreNotFollowed) {
  ScriptServer server(
      AlwaysSay("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n\r\n"));
  EndsWellWhenUp(Once(Url(server.port())));
}

TEST_F(HttpProbeTest, MethodHeadersAndStatusesAreThoseOfTheProbe) {
  ScriptServer server([](int fd) {
    const std::string request = ReadRequest(fd);
    const bool as_asked = request.starts_with("POST /healthz HTTP/1.1\r\n") &&
                          request.find("X-Key: v 1\r\n") != std::string::npos;
    SendText(fd, Answer(as_asked ? "418 Fine" : "200 OK"));
  });
  v1::Action action = Once(Url(server.port()));
  v1::HttpProbe& http = *action.mutable_ready()->mutable_http();
  http.set_method("POST");
  (*http.mutable_headers())["X-Key"] = "v 1";
  http.add_statuses(204);
  http.add_statuses(418);
  EndsWellWhenUp(action);
}

TEST_F(HttpProbeTest, AHeadRequestWaitsForNoBody) {
  ScriptServer server([](int fd) {
    const bool head = ReadRequest(fd).starts_with("HEAD ");
    SendText(fd, "HTTP/1.1 404 No\r\nContent-Length: 1000\r\n\r\n");
    char c = 0;
    if (head) recv(fd, &c, 1, 0);  // until the peer goes
  });
  v1::Action action = Once(Url(server.port()));
  action.mutable_ready()->mutable_http()->set_method("HEAD");
  EXPECT_THAT(MessageOf(action), HasSubstr("HEAD http://"));
}

TEST_F(HttpProbeTest, WhatIsSaidBeforeTheAnswerDoesNotCount) {
  ScriptServer server(AlwaysSay("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" +
                                Answer("204 Nothing")));
  EndsWellWhenUp(Once(Url(server.port())));
}

TEST_F(HttpProbeTest, AGoodAnswerPassesBeforeItsEndlessBodyEnds) {
  ScriptServer server([](int fd) {
    ReadRequest(fd);
    SendText(fd, "HTTP/1.1 200 OK\r\n\r\n");
    while (SendText(fd, std::string(1024, 'x'))) {
    }
  });
  EndsWellWhenUp(Once(Url(server.port())));
}

TEST_F(HttpProbeTest, NobodyListensIsToldAsTheSystemDoes) {
  const Port port;
  const std::string url = Url(port.number());
  EXPECT_THAT(MessageOf(Once(url)),
              HasSubstr(fmt::format("GET {}: Connection refused", url)));
}

TEST_F(HttpProbeTest, AServerThatNeverAnswersTakesTheTimeout) {
  ScriptServer server([](int fd) {
    char c = 0;
    while (recv(fd, &c, 1, 0) == 1) {
    }
  });
  const std::string url = Url(server.port());
  EXPECT_THAT(MessageOf(Impatient(url)),
              HasSubstr(fmt::format("GET {}: no answer within 100ms", url)));
  // The same while TLS is being agreed on.
  EXPECT_THAT(MessageOf(Impatient(Url(server.port(), "https"))),
              HasSubstr("no answer within 100ms"));
}

TEST_F(HttpProbeTest, AServerThatAnswersByteByByteTakesTheTimeout) {
  ScriptServer server([](int fd) {
    ReadRequest(fd);
    SendText(fd, "HTTP/1.1 200 OK\r\nX: ");
    while (SendText(fd, "y")) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  });
  EXPECT_THAT(MessageOf(Impatient(Url(server.port()))),
              HasSubstr("no answer within 100ms"));
}

TEST_F(HttpProbeTest, AnAnswerInPiecesIsPutTogether) {
  ScriptServer server([](int fd) {
    ReadRequest(fd);
    for (const char c : Answer("200 OK")) SendText(fd, {&c, 1});
  });
  EndsWellWhenUp(Once(Url(server.port())));
}

TEST_F(HttpProbeTest, HeadersAreReadUpToALimit) {
  ScriptServer server([](int fd) {
    ReadRequest(fd);
    SendText(fd, "HTTP/1.1 200 OK\r\n");
    while (SendText(fd, fmt::format("X: {}\r\n", std::string(1000, 'y')))) {
    }
  });
  EXPECT_THAT(MessageOf(Once(Url(server.port()))),
              HasSubstr("the answer's headers are more than 65536 bytes"));
}

TEST_F(HttpProbeTest, AHeaderLineWithoutEndIsRefused) {
  ScriptServer server([](int fd) {
    ReadRequest(fd);
    SendText(fd, "HTTP/1.1 200 OK\r\nX: ");
    while (SendText(fd, std::string(1000, 'y'))) {
    }
  });
  EXPECT_THAT(MessageOf(Once(Url(server.port()))),
              Not(HasSubstr("no answer within")));
}

TEST_F(HttpProbeTest, AConnectionThatIsResetIsTold) {
  ScriptServer server([](int fd) {
    ReadRequest(fd);
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    // Disconnecting resets, and leaves the descriptor to its owner.
    sockaddr nobody{.sa_family = AF_UNSPEC};
    static_cast<void>(connect(fd, &nobody, sizeof(nobody)));
  });
  EXPECT_THAT(MessageOf(Once(Url(server.port()))), HasSubstr("reset"));
}

TEST_F(HttpProbeTest, WhatIsNoHttpIsRefused) {
  ScriptServer server(AlwaysSay("hello\r\n"));
  EXPECT_THAT(MessageOf(Once(Url(server.port()))), HasSubstr("HTTP/0.9"));
}

TEST_F(HttpProbeTest, OnlyWhoIsTrustedIsAskedOverTls) {
  TlsServer server(Answer("200 OK"));
  const v1::Action action = Once(Url(server.port(), "https"));
  EXPECT_THAT(MessageOf(action),
              AllOf(HasSubstr("GET https://"), HasSubstr("certificate")));
  EXPECT_EQ(server.requests(), 0);
}

TEST_F(HttpProbeTest, AnybodyIsAskedOverTlsWhenTheProbeSaysSo) {
  TlsServer server(Answer("200 OK"));
  v1::Action action = Once(Url(server.port(), "https"));
  action.mutable_ready()->mutable_http()->set_skip_tls_verify(true);
  EndsWellWhenUp(action);
  EXPECT_EQ(server.requests(), 1);
}

TEST_F(HttpProbeTest, AUrlThatMakesNoSenseIsAFailureBeforeTheStart) {
  for (const char* url : {"", "ftp://x", "http://", "http://x:99999/"}) {
    const Record record = env_.Run(Once(url));
    EXPECT_FALSE(record.started) << url;
    EXPECT_THAT(record.outcome->message, HasSubstr("cannot start: ready: "));
  }
}

TEST_F(HttpProbeTest, ManyThatHangDelayNobodyAndTakeNoThreads) {
  Port silent;  // takes connections, and nobody serves them
  silent.Listen(1024);
  const auto threads = [] {
    return std::distance(std::filesystem::directory_iterator("/proc/self/task"),
                         {});
  };
  ScriptServer server(AlwaysSay(Answer("200 OK")));
  EndsWellWhenUp(Once(Url(server.port())));
  const auto before = threads();
  std::vector<uint64_t> hanging;
  for (int i = 0; i < 100; ++i) {
    v1::Action action = Once(Url(silent.number()));
    *action.mutable_ready()->mutable_timeout() = Millis(600'000);
    *action.mutable_ready()->mutable_deadline() = Millis(600'000);
    hanging.push_back(env_.Start(action));
  }
  for (const uint64_t fence : hanging) {
    env_.sink().Await(fence, [](const Record& r) { return r.started; });
  }
  EndsWellWhenUp(Once(Url(server.port())));
  // One more than before: the server's, for the connection.
  EXPECT_LE(threads(), before + 2);
  for (const uint64_t fence : hanging) env_.Cancel(fence);
  for (const uint64_t fence : hanging) EXPECT_FALSE(env_.Await(fence).up);
}

}  // namespace
}  // namespace w2t::worker
