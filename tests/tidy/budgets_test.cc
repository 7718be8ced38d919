#include "tests/tidy/budgets.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/tidy/repository.h"

namespace w2t::tidy {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::IsEmpty;

std::string Repeat(const std::string& text, size_t times) {
  std::string all;
  for (size_t i = 0; i < times; ++i) all += text;
  return all;
}

TEST(TidyFileLengths, AreWithinTheBudget) {
  EXPECT_THAT(CheckFileLengths(Repository()), IsEmpty());
}

TEST(TidyFileLengths, FindALongFile) {
  const std::string lines = Repeat("int a;\n", kMaxFileLines + 1);
  EXPECT_THAT(CheckFileLengths({MakeFile("core/a.cc", lines),
                                MakeFile("tests/a_test.cc", lines),
                                MakeFile("deploy/a", "#!/bin/sh\n" + lines),
                                MakeFile("core/data.txt", lines)}),
              ElementsAre(IsAt("core/a.cc", 0), IsAt("deploy/a", 0)));
}

TEST(TidyFunctionLengths, AreWithinTheBudget) {
  EXPECT_THAT(CheckFunctionLengths(Repository()), IsEmpty());
}

TEST(TidyFunctionLengths, FindALongFunction) {
  const std::string body = Repeat("  f();\n", kMaxFunctionLines - 1);
  EXPECT_THAT(
      CheckFunctionLengths(
          {MakeFile("core/a.cc", "namespace x {\nvoid F() {\n" + body + "}\n}"),
           MakeFile("core/b.cc", "void F() {\n" + body.substr(7) + "}\n")}),
      ElementsAre(IsAt("core/a.cc", 2)));
}

auto FunctionAt(const std::string& head, size_t line, size_t lines) {
  return AllOf(Field(&Function::head, head), Field(&Function::line, line),
               Field(&Function::lines, lines));
}

TEST(TidyFunctions, AreFoundInClassesAndNamespaces) {
  const File file = MakeFile("a.cc",
                             "namespace a {\n"
                             "#define M(x) { \\\n"
                             "  {\n"
                             "class B : public C {\n"
                             " public:\n"
                             "  int f() const { return 1; }\n"
                             "};\n"
                             "enum class E { kA };\n"
                             "const char* const kNames[] = {\"(\"};\n"
                             "void G(int a,\n"
                             "       int b) {\n"
                             "  if (a) {\n"
                             "    auto c = [] { return 1; };\n"
                             "  }\n"
                             "}\n"
                             "}  // namespace a\n");
  EXPECT_THAT(FunctionsOf(file),
              ElementsAre(FunctionAt("public: int f() const ", 5, 2),
                          FunctionAt("void G(int a, int b) ", 10, 6)));
}

TEST(TidyLeftovers, AreNone) {
  EXPECT_THAT(CheckLeftovers(Repository()), IsEmpty());
}

TEST(TidyLeftovers, AreFoundInAnyFile) {
  const std::string mark = std::string("FIX") + "ME";
  EXPECT_THAT(CheckLeftovers({MakeFile("README.md", "text\n(" + mark + ")\n"),
                              MakeFile("core/a.cc", "int " + mark + "d;\n")}),
              ElementsAre(IsAt("README.md", 2)));
}

}  // namespace
}  // namespace w2t::tidy
