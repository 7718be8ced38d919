#include "tests/tidy/layers.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/tidy/repository.h"

namespace w2t::tidy {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(TidyLayers, HoldInThisRepository) {
  EXPECT_THAT(CheckLayers(Repository()), IsEmpty());
}

TEST(TidyLayers, RefuseServerIncludingClient) {
  EXPECT_THAT(CheckLayers(Made({{"client/lib/address.h", ""},
                                {"server/main.cc",
                                 "\n#include \"client/lib/address.h\"\n"}})),
              ElementsAre(IsAt("server/main.cc", 2)));
}

TEST(TidyLayers, RefuseClientIncludingServer) {
  EXPECT_THAT(CheckLayers(Made(
                  {{"client/cli/main.cc", "#include \"server/loop/loop.h\"\n"},
                   {"server/loop/loop.h", ""}})),
              ElementsAre(IsAt("client/cli/main.cc", 1)));
}

TEST(TidyLayers, RefuseRunIncludingTheEngineAboveIt) {
  EXPECT_THAT(CheckLayers(Made(
                  {{"core/engine/engine.h", ""},
                   {"core/run/run.h", "#include \"core/engine/engine.h\"\n"}})),
              ElementsAre(IsAt("core/run/run.h", 1)));
}

TEST(TidyLayers, RefuseCoreIncludingGeneratedMessages) {
  EXPECT_THAT(CheckLayers(Made(
                  {{"core/run/run.cc", "#include \"w2t/v1/run.pb.h\"\n"}})),
              ElementsAre(IsAt("core/run/run.cc", 1)));
}

TEST(TidyLayers, RefusePublicHeadersIncludingPrivateOnes) {
  EXPECT_THAT(
      CheckLayers(
          Made({{"client/include/w2t/client.h",
                 "#include \"w2t/graph.h\"\n#include \"proto/wire/codec.h\"\n"},
                {"core/include/w2t/graph.h", "#include \"core/base/ids.h\"\n"},
                {"core/base/ids.h", ""},
                {"proto/wire/codec.h", ""}})),
      ElementsAre(IsAt("client/include/w2t/client.h", 2),
                  IsAt("core/include/w2t/graph.h", 1)));
}

TEST(TidyLayers, RefuseIncludingTests) {
  EXPECT_THAT(CheckLayers(Made(
                  {{"server/main.cc", "#include \"tests/support/temp.h\"\n"},
                   {"tests/support/temp.h", ""}})),
              ElementsAre(IsAt("server/main.cc", 1)));
}

TEST(TidyLayers, AllowWhatLiesBelow) {
  EXPECT_THAT(CheckLayers(Made(
                  {{"core/base/ids.h", ""},
                   {"core/engine/engine.h",
                    "#include <vector>\n#include \"core/base/ids.h\"\n"},
                   {"server/main.cc", "#include \"core/engine/engine.h\"\n"}})),
              IsEmpty());
}

TEST(TidyLibraries, StayInTheirFolders) {
  EXPECT_THAT(CheckLibraries(Repository()), IsEmpty());
}

TEST(TidyLibraries, RefuseGrpcInTheLoopAndSpdlogEverywhere) {
  EXPECT_THAT(
      CheckLibraries(Made({{"server/loop/loop.h", "#include <grpcpp/grpcpp.h>"},
                           {"server/rpc/a.cc", "#include <grpcpp/grpcpp.h>"},
                           {"server/rpc/b.cc", "#include <spdlog/spdlog.h>"}})),
      ElementsAre(IsAt("server/loop/loop.h", 1), IsAt("server/rpc/b.cc", 1)));
}

TEST(TidyPureHeaders, AreAllThatCoreIncludes) {
  EXPECT_THAT(CheckPureHeaders(Repository()), IsEmpty());
}

TEST(TidyPureHeaders, LeaveOutThreadsAndFiles) {
  EXPECT_THAT(
      CheckPureHeaders(Made({{"core/run/a.cc", "#include <thread>\n"},
                             {"core/run/b.cc", "#include <sys/stat.h>\n"},
                             {"core/runtime/c.cc", "#include <thread>\n"},
                             {"core/flow/c.cc", "#include <atomic>\n"},
                             {"core/include/w2t/flow/d.h",
                              "#include <coroutine>\n#include <mutex>\n"},
                             {"server/d.cc", "#include <thread>\n"}})),
      ElementsAre(IsAt("core/run/a.cc", 1), IsAt("core/run/b.cc", 1),
                  IsAt("core/include/w2t/flow/d.h", 2)));
}

TEST(TidyTopLevel, HasNothingNew) {
  EXPECT_THAT(CheckTopLevel(Repository()), IsEmpty());
}

TEST(TidyTopLevel, RefusesAnotherFolder) {
  EXPECT_THAT(CheckTopLevel(Made({{"core/a.h", ""},
                                  {"utils/a.h", ""},
                                  {"utils/b.h", ""},
                                  {"notes.txt", ""}})),
              ElementsAre(IsAt("utils", 0), IsAt("notes.txt", 0)));
}

}  // namespace
}  // namespace w2t::tidy
