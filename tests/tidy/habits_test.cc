#include "tests/tidy/habits.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/tidy/repository.h"

namespace w2t::tidy {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(TidyGuards, AreNamedAfterTheirPaths) {
  EXPECT_THAT(CheckGuards(Repository()), IsEmpty());
}

TEST(TidyGuards, AreRefusedUnderAnotherName) {
  EXPECT_THAT(
      CheckGuards(
          Made({{"core/run/run.h",
                 "#ifndef RUN_H\n#define RUN_H\n#endif  // RUN_H\n"},
                {"core/include/w2t/graph.h",
                 "#ifndef W2T_GRAPH_H_\n#define W2T_GRAPH_H_\n"
                 "#endif  // W2T_GRAPH_H_\n"},
                {"core/base/ids.h",
                 "#ifndef W2T_CORE_BASE_IDS_H_\n#define W2T_CORE_BASE_IDS_H_\n"
                 "#endif\n"}})),
      ElementsAre(IsAt("core/run/run.h", 0), IsAt("core/base/ids.h", 0)));
}

TEST(TidyProtoComments, AreOnEverything) {
  EXPECT_THAT(CheckProtoComments(Repository()), IsEmpty());
}

TEST(TidyProtoComments, AreMissedOnFieldsAndMessages) {
  EXPECT_THAT(CheckProtoComments(Made({{"proto/a.proto",
                                        "syntax = \"proto3\";\n"
                                        "package a;\n"
                                        "message A {\n"
                                        "  string b = 1;  // of the thing\n"
                                        "  // In bytes.\n"
                                        "  int64 c = 2;\n"
                                        "  repeated int32 d = 3\n"
                                        "      [packed = true];\n"
                                        "}\n"}})),
              ElementsAre(IsAt("proto/a.proto", 3), IsAt("proto/a.proto", 7)));
}

TEST(TidyBuildLists, NameEverySource) {
  EXPECT_THAT(CheckBuildLists(Repository()), IsEmpty());
}

TEST(TidyBuildLists, MissAForgottenSource) {
  EXPECT_THAT(CheckBuildLists(
                  Made({{"core/CMakeLists.txt", "w2t_library(core\n run/a.cc)"},
                        {"core/run/a.cc", ""},
                        {"core/run/b.cc", ""}})),
              ElementsAre(IsAt("core/run/b.cc", 0)));
}

TEST(TidyLimits, AreInTheReadme) {
  EXPECT_THAT(CheckLimitsTable(Repository()), IsEmpty());
}

TEST(TidyLimits, AreMissedInTheReadme) {
  EXPECT_THAT(
      CheckLimitsTable(Made({{"README.md", "| `max_a` | 1 |"},
                             {"core/include/w2t/limits.h",
                              "uint64_t max_a = 1;\nuint64_t max_b = 1;\n"}})),
      ElementsAre(IsAt("core/include/w2t/limits.h", 2)));
}

}  // namespace
}  // namespace w2t::tidy
