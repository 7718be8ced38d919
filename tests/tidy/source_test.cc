#include "tests/tidy/source.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/tidy/repository.h"

namespace w2t::tidy {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(TidySource, BlanksCommentsAndKeepsLines) {
  const File file =
      MakeFile("core/a.cc", "int a;  // mutex\n/* x\ny */ int b;");
  EXPECT_EQ(file.code, "int a;          \n    \n     int b;");
}

TEST(TidySource, BlanksStringsAndCharacters) {
  const File file = MakeFile(
      "core/a.cc", "f(\"rand // \\\" {\"); g('{'); h(R\"x(mutex)\")x\"); 1'0;");
  EXPECT_THAT(file.code, Not(HasSubstr("rand")));
  EXPECT_THAT(file.code, Not(HasSubstr("mutex")));
  EXPECT_THAT(file.code, Not(HasSubstr("{")));
  EXPECT_THAT(file.code, HasSubstr("h("));
  EXPECT_THAT(file.code, HasSubstr("1'0;"));
}

TEST(TidySource, KeepsTheNamesOfIncludes) {
  EXPECT_EQ(MakeFile("a.h", "#include \"core/a.h\"\n").code,
            "#include \"core/a.h\"\n");
}

TEST(TidySource, FindsWholeWordsOnly) {
  EXPECT_THAT(FindWord("rand strand rand_ (rand)", "rand"), ElementsAre(0, 19));
}

TEST(TidySource, ReadsThisRepository) {
  bool found = false;
  for (const File& file : Repository()) {
    found = found || file.path == "tests/tidy/source_test.cc";
    EXPECT_THAT(file.path, Not(testing::StartsWith("build/")));
  }
  EXPECT_TRUE(found);
}

}  // namespace
}  // namespace w2t::tidy
