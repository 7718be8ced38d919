// Faults of whole files: what is unknown, not served, or wrong in structure.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "load.h"

namespace w2t::graphfile {
namespace {

using testing::ElementsAre;

TEST(FaultTest, NamesFileLineAndColumn) {
  const LoadResult result =
      LoadText("tasks: {a: {comand: x}}", "shop.yaml", Options());
  ASSERT_EQ(result.faults.size(), 1u);
  EXPECT_EQ(result.faults[0].ToString(),
            "shop.yaml:1:13: unknown key \"comand\"; did you mean "
            "\"command\"?");
  EXPECT_EQ(result.total_faults, 1u);
}

TEST(FaultTest, MissingFiles) {
  const LoadResult result = LoadFile("/nowhere/at/all.yaml", Options());
  ASSERT_EQ(result.faults.size(), 1u);
  EXPECT_EQ(result.faults[0].ToString(),
            "/nowhere/at/all.yaml: cannot open: No such file or directory");
}

TEST(FaultTest, DirectoriesAreNoFiles) {
  const LoadResult result = LoadFile("/", Options());
  ASSERT_EQ(result.faults.size(), 1u);
  EXPECT_EQ(result.faults[0].ToString(), "/: cannot read: Is a directory");
}

TEST(FaultTest, UnknownKeys) {
  EXPECT_THAT(FaultsOf("task: {a: x}\ntasks: {a: x}\nzebra: 1\n"),
              ElementsAre("1:1: unknown key \"task\"; did you mean \"tasks\"?",
                          "3:1: unknown key \"zebra\""));
}

TEST(FaultTest, KeysThatAreNotServedYetAreRefusedByName) {
  for (const char* key : {"concurrency", "deadline", "image"}) {
    EXPECT_THAT(
        FaultsOf(fmt::format("tasks: {{a: {{command: x, {}: 1}}}}", key)),
        ElementsAre(fmt::format("1:25: key \"{}\" is not served yet", key)));
  }
  for (const char* key : {"undo", "deadline", "profiles", "concurrency"}) {
    EXPECT_THAT(
        FaultsOf(fmt::format("tasks: {{a: x}}\n{}: 1\n", key)),
        ElementsAre(fmt::format("2:1: key \"{}\" is not served yet", key)));
  }
}

TEST(FaultTest, UnknownDependenciesComeWithASuggestion) {
  EXPECT_THAT(
      FaultsOf("tasks:\n  migrate: x\n  api:\n    command: x\n    depends_on: "
               "[migrte]\n"),
      ElementsAre("5:18: task \"api\" depends on \"migrte\"; did you mean "
                  "\"migrate\"?"));
}

TEST(FaultTest, DependenciesOnItselfAndTwice) {
  EXPECT_THAT(FaultsOf("tasks:\n  a: {command: x, depends_on: [a]}\n"
                       "  b: {command: x, depends_on: [a, a]}\n"),
              ElementsAre("2:32: task \"a\" depends on itself",
                          "3:35: task \"b\" depends on \"a\" twice"));
}

TEST(FaultTest, DuplicatesAcrossTasksAndServices) {
  EXPECT_THAT(FaultsOf("tasks:\n  a: x\nservices:\n  a: x\n"),
              ElementsAre("4:3: duplicate task \"a\"; the first one is at "
                          "f:2:3"));
  EXPECT_THAT(FaultsOfFiles({{"a.yaml", "tasks:\n  x: {command: x}\n  y: x\n"},
                             {"b.yaml", "services:\n  y: y\n"}},
                            {"a.yaml", "b.yaml"}),
              ElementsAre("b.yaml:2:3: duplicate task \"y\"; the first one is "
                          "at a.yaml:3:3"));
}

TEST(FaultTest, DuplicatesThatAMatrixMakes) {
  EXPECT_THAT(
      FaultsOf("tasks:\n  a: {command: x, matrix: {v: [x/y, x_y]}}\n"),
      ElementsAre("2:3: the matrix of one task gives two the name \"a-x_y\""));
}

TEST(FaultTest, CyclesAreShownAtTheirFirstEdge) {
  EXPECT_THAT(FaultsOf("tasks:\n"
                       "  a: {command: x, depends_on: [z, b]}\n"
                       "  b: {command: x, depends_on: {a: succeeded}}\n"
                       "  c: {command: x, depends_on: [a]}\n"
                       "  z: x\n"),
              ElementsAre("2:35: dependency cycle: a -> b -> a"));
}

TEST(FaultTest, WaitingForWhatIsNeverReady) {
  EXPECT_THAT(FaultsOf("tasks: {a: x, b: {command: x, depends_on: {a: "
                       "ready}}}"),
              ElementsAre("1:44: task \"b\" waits until \"a\" is ready, but "
                          "that has no probe"));
}

TEST(FaultTest, AFileWithoutTasks) {
  EXPECT_THAT(FaultsOf("name: x\n"), ElementsAre(" the graph has no tasks"));
  EXPECT_THAT(FaultsOf("tasks: {}\n"),
              ElementsAre("1:8: the graph has no tasks"));
  EXPECT_THAT(FaultsOf("tasks:\n"), ElementsAre("1:1: the graph has no tasks"));
  EXPECT_THAT(FaultsOf("tasks: []\n"),
              ElementsAre("1:8: \"tasks\" must be a map, not a list"));
}

TEST(FaultTest, AllFaultsAtOnceInTheOrderOfTheFile) {
  EXPECT_THAT(
      FaultsOf("services:\n"
               "  db: {command: x, ready: tcp:x}\n"
               "tasks:\n"
               "  a: {comand: x, depends_on: [dc]}\n"
               "  b: {command: x, timeout: 3, depends_on: [c]}\n"
               "  c: {command: x, image: {}, depends_on: [b]}\n"
               "nam: x\n"),
      ElementsAre(
          "2:27: \"ready\" must be PORT or HOST:PORT after tcp, with a port "
          "from 1 to 65535, not \"tcp:x\"",
          "4:7: unknown key \"comand\"; did you mean \"command\"?",
          "4:31: task \"a\" depends on \"dc\"; did you mean \"db\"?",
          "5:28: \"timeout\" must be a duration such as 500ms, 30s or 1m30s, "
          "not \"3\"",
          "5:44: dependency cycle: b -> c -> b",
          "6:19: key \"image\" is not served yet",
          "7:1: unknown key \"nam\"; did you mean \"name\"?"));
}

TEST(FaultTest, AtMostAHundredAreListedAndAllAreCounted) {
  std::string text = "tasks:\n";
  for (int i = 0; i < 250; ++i) text += fmt::format("  a{}: {{}}\n", i);
  const LoadResult result = LoadText(text, "f", Options());
  EXPECT_EQ(result.faults.size(), 100u);
  EXPECT_EQ(result.total_faults, 250u);
  EXPECT_EQ(result.faults.back().line, 101u);
  EXPECT_EQ(result.blueprint, nullptr);
}

TEST(FaultTest, LimitsOfTheGraphHold) {
  Options options;
  options.limits.max_tasks = 2;
  EXPECT_THAT(FaultsOf("tasks: {a: x, b: x, c: x}", options),
              ElementsAre(testing::HasSubstr("max_tasks")));
  options = {};
  options.limits.max_name_bytes = 8;
  EXPECT_THAT(
      FaultsOf("tasks:\n  a: x\n  long-name-here: x\n", options),
      ElementsAre(testing::AllOf(testing::StartsWith("3:3: "),
                                 testing::HasSubstr("max_name_bytes"))));
  options = {};
  options.limits.max_action_bytes = 64;
  EXPECT_THAT(
      FaultsOf("tasks:\n  a: x\n  b: " + std::string(100, 'y') + "\n", options),
      ElementsAre(testing::AllOf(testing::StartsWith("3:3: "),
                                 testing::HasSubstr("max_action_bytes"))));
}

TEST(FaultTest, LongValuesAreShownShort) {
  const auto faults = FaultsOf("tasks: {a: {command: x, timeout: '" +
                               std::string(5000, 'y') + "\\n'}}");
  ASSERT_EQ(faults.size(), 1u);
  EXPECT_LT(faults[0].size(), 200u);
}

}  // namespace
}  // namespace w2t::graphfile
