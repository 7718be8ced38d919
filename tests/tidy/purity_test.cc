#include "tests/tidy/purity.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/tidy/repository.h"

namespace w2t::tidy {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(TidyPurity, HoldsInCore) {
  EXPECT_THAT(CheckPurity(Repository()), IsEmpty());
}

TEST(TidyPurity, RefusesClocksInCore) {
  EXPECT_THAT(
      CheckPurity(Made(
          {{"core/run/a.cc", "auto t = absl::Now();\n"},
           {"core/run/b.cc", "\nauto t = std::chrono::steady_clock::now();\n"},
           {"core/run/c.cc", "// absl::Now();\nint Now = 1;\n"},
           {"server/loop.cc", "auto t = absl::Now();\n"}})),
      ElementsAre(IsAt("core/run/a.cc", 1), IsAt("core/run/b.cc", 2)));
}

TEST(TidyPurity, RefusesSleepsThreadsAndRandomNumbersInCore) {
  EXPECT_THAT(CheckPurity(Made({{"core/run/a.cc", "absl::SleepFor(d);\n"},
                                {"core/run/b.cc", "std::thread t(f);\n"},
                                {"core/run/c.cc", "absl::Mutex mutex_;\n"},
                                {"core/run/d.cc", "int i = rand();\n"},
                                {"core/runtime/e.cc", "std::thread t(f);\n"}})),
              ElementsAre(IsAt("core/run/a.cc", 1), IsAt("core/run/b.cc", 1),
                          IsAt("core/run/c.cc", 1), IsAt("core/run/d.cc", 1)));
}

TEST(TidyHashIteration, IsNotDoneInCore) {
  EXPECT_THAT(CheckHashIteration(Repository()), IsEmpty());
}

TEST(TidyHashIteration, IsFoundOverAMemberOfAnIncludedHeader) {
  EXPECT_THAT(
      CheckHashIteration(Made(
          {{"core/run/a.h",
            "absl::flat_hash_map<std::string, std::vector<int>> names_;\n"},
           {"core/run/a.cc",
            "#include \"core/run/a.h\"\n"
            "void F() {\n"
            "  for (const auto& [name, numbers] : names_) G(name);\n"
            "}\n"},
           {"core/run/b.cc", "void F() { for (int n : names_) G(n); }\n"}})),
      ElementsAre(IsAt("core/run/a.cc", 3)));
}

TEST(TidyHashIteration, IsFoundThroughAnAliasAndIterators) {
  EXPECT_THAT(
      CheckHashIteration(Made({{"core/run/a.cc",
                                "using Names = absl::flat_hash_set<int>;\n"
                                "void F(const Names& names) {\n"
                                "  auto at = names.begin();\n"
                                "  for (int n : this->names) G(n);\n"
                                "}\n"}})),
      testing::UnorderedElementsAre(IsAt("core/run/a.cc", 3),
                                    IsAt("core/run/a.cc", 4)));
}

TEST(TidyHashIteration, AllowsLookUpsAndOtherLoops) {
  EXPECT_THAT(CheckHashIteration(
                  Made({{"core/run/a.cc",
                         "absl::flat_hash_map<int, int> by_name;\n"
                         "std::vector<int> all;\n"
                         "void F() {\n"
                         "  for (int n : all) by_name.find(n);\n"
                         "  for (int i = 0; i < by_name.size(); ++i) G(i);\n"
                         "}\n"}})),
              IsEmpty());
}

TEST(TidyCoroutines, AreOnlyInTheEmbeddedApi) {
  EXPECT_THAT(CheckCoroutines(Repository()), IsEmpty());
}

TEST(TidyCoroutines, AreRefusedInTheDaemon) {
  const std::string await = std::string("co_") + "await x;\n";
  EXPECT_THAT(CheckCoroutines({MakeFile("server/a.cc", await),
                               MakeFile("core/flow/b.cc", await)}),
              ElementsAre(IsAt("server/a.cc", 1)));
}

TEST(TidyAwaitedTemporaries, AreNowhere) {
  EXPECT_THAT(CheckAwaitedTemporaries(Repository()), IsEmpty());
}

TEST(TidyAwaitedTemporaries, AreLambdasWithCapturesAndBraces) {
  const std::string await = "co_await ";
  EXPECT_THAT(
      CheckAwaitedTemporaries(
          {MakeFile("a.cc", await + "Suspend([&x](R r) { x = r; });\n"),
           MakeFile("b.cc", await + "Suspend([](R r) { r(); });\n"),
           MakeFile("c.cc", "int i = " + await + "Wait{1, 2};\n"),
           MakeFile("d.cc", "if (" + await + "Wait(1)) { F(); }\n"),
           MakeFile("e.cc", "auto operator " + await + "() { return x; }\n")}),
      ElementsAre(IsAt("a.cc", 1), IsAt("c.cc", 1)));
}

}  // namespace
}  // namespace w2t::tidy
