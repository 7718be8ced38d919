#include "client/graphfile/document.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "load.h"

namespace w2t::graphfile {
namespace {

using testing::ElementsAre;
using testing::StartsWith;

// What is wrong with a text as such.
std::string WrongWith(std::string_view text,
                      const DocumentLimits& limits = {}) {
  Faults faults;
  const auto document = Document::Parse(text, limits, faults);
  EXPECT_EQ(document == nullptr, !faults.empty());
  return faults.empty() ? "" : faults.Sorted({"f"}).front().ToString();
}

TEST(DocumentTest, KnowsWhereEverythingStands) {
  Faults faults;
  const auto document =
      Document::Parse("a: 1\nb:\n  - {c: 'd'}\n", DocumentLimits(), faults);
  ASSERT_NE(document, nullptr);
  const Value list = document->root().Get("b");
  ASSERT_TRUE(list.is_list());
  const Value d = list.Items()[0].Get("c");
  EXPECT_EQ(d.text(), "d");
  EXPECT_TRUE(d.quoted());
  EXPECT_EQ(d.at(), (Position{3, 9}));
  EXPECT_FALSE(document->root().Get("a").quoted());
  EXPECT_TRUE(document->root().Get("z").is_null());
}

TEST(DocumentTest, SyntaxErrorsHaveAPlace) {
  EXPECT_THAT(WrongWith("a: [1\nb: 2\n"), StartsWith("f:2:2: not well-formed"));
  EXPECT_THAT(WrongWith("{\"a\": 1,\n \"b\": }}"),
              StartsWith("f:2:8: not well-formed"));
  EXPECT_THAT(WrongWith("a: *nowhere\n"), StartsWith("f:1:4: not well-formed"));
}

TEST(DocumentTest, OneDocumentOnly) {
  EXPECT_EQ(WrongWith("a: 1\n---\nb: 2\n"),
            "f:2:1: a second document; a file has one");
}

TEST(DocumentTest, ForeignTagsAreRefused) {
  EXPECT_EQ(WrongWith("a: !run x\n"),
            "f:1:4: the tag \"!run\" has no meaning here");
  EXPECT_EQ(WrongWith("a: !!str 1\n"), "");
}

TEST(DocumentTest, DepthIsBounded) {
  const std::string deep = std::string(65, '[') + std::string(65, ']');
  EXPECT_EQ(WrongWith(deep),
            "f:1:65: nested 65 deep; the limit max_depth is 64");
  EXPECT_EQ(WrongWith(std::string(64, '[') + std::string(64, ']')), "");
  EXPECT_NE(WrongWith(std::string(100'000, '[')), "");
  EXPECT_NE(WrongWith(std::string(100'000, '{')), "");
}

TEST(DocumentTest, DepthCountsAliasesWrittenOut) {
  std::string text = "a0: &a0 [x]\n";
  for (int i = 1; i <= 64; ++i) {
    text += fmt::format("a{}: &a{} [*a{}]\n", i, i, i - 1);
  }
  EXPECT_THAT(WrongWith(text), testing::HasSubstr("limit max_depth is 64"));
}

TEST(DocumentTest, AliasBombsAreRefusedWhereTheyGoOff) {
  std::string text = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n";
  for (int i = 1; i <= 20; ++i) {
    text += fmt::format("a{}: &a{} [", i, i);
    for (int j = 0; j < 10; ++j) text += fmt::format("*a{},", i - 1);
    text += "]\n";
  }
  EXPECT_THAT(WrongWith(text), testing::HasSubstr("limit max_nodes is"));
}

TEST(DocumentTest, AnAliasToItsOwnParentIsRefused) {
  EXPECT_EQ(WrongWith("a: &a [1, *a]\n"),
            "f:1:11: an alias to something it is part of");
}

TEST(DocumentTest, NodesAreBounded) {
  EXPECT_EQ(WrongWith("[1, 2, 3, 4]", {.max_nodes = 4}),
            "f:1:11: the file comes to more than 4 values with its aliases "
            "written out; the limit max_nodes is 4");
}

TEST(DocumentTest, MergeKeysBringWhatIsNotThere) {
  const v1::Graph graph = GraphOf(R"(
defaults: {tasks: &base {dir: /base, env: {A: "1"}}}
tasks:
  a: {<<: *base, command: x, dir: /own}
)");
  ASSERT_EQ(graph.actions_size(), 1);
  EXPECT_EQ(graph.actions(0).exec().dir(), "/own");
  EXPECT_EQ(graph.actions(0).exec().env().at("A"), "1");
}

TEST(DocumentTest, DuplicateKeysAreFoundAtTheSecondOne) {
  EXPECT_THAT(FaultsOf("tasks:\n  a: x\n  a: y\n"),
              ElementsAre("3:3: duplicate key \"a\"; the first one is at 2:3"));
  EXPECT_THAT(FaultsOf("{\"tasks\": {\"a\": {\"command\": \"x\",\n"
                       "\"command\": \"y\"}}}"),
              ElementsAre("2:1: duplicate key \"command\"; the first one is at "
                          "1:18"));
}

TEST(DocumentTest, AKeyMustBeText) {
  EXPECT_THAT(FaultsOf("tasks: {a: x}\n? [b]\n: c\n"),
              ElementsAre("2:3: a key must be text"));
}

TEST(DocumentTest, AnythingButAMapIsNoGraphFile) {
  EXPECT_THAT(FaultsOf(""), ElementsAre(" the file is empty"));
  EXPECT_THAT(FaultsOf("# nothing\n"), ElementsAre(" the file is empty"));
  EXPECT_THAT(FaultsOf("- a\n"),
              ElementsAre("1:1: a graph file must be a map"));
  EXPECT_THAT(FaultsOf("hello"),
              ElementsAre("1:1: a graph file must be a map"));
}

TEST(DocumentTest, FileSizeIsBounded) {
  Options options;
  options.max_file_bytes = 10;
  EXPECT_THAT(FaultsOf("tasks: {a: echo}", options),
              ElementsAre(" the file has more than 10 bytes; the limit "
                          "max_file_bytes is 10"));
}

TEST(DocumentTest, ControlCharactersAreRefused) {
  EXPECT_EQ(WrongWith("a: 1\n\u00e4: \x04\nb: 2\n"),
            "f:2:4: a control character; a graph file is text");
  EXPECT_EQ(WrongWith(std::string_view("a: \0", 4)),
            "f:1:4: a control character; a graph file is text");
  EXPECT_EQ(WrongWith("a:\r\n  b:\t1\r\n"), "");
}

TEST(DocumentTest, WhatIsNotUtf8HasAPlace) {
  EXPECT_EQ(WrongWith("a: 1\nb: \"gr\xc3\xbc\xff\xfe\"\n"),
            "f:2:8: the byte 0xff is not UTF-8; a graph file is UTF-8");
  EXPECT_EQ(WrongWith("a: \xed\xa0\x80\n"),
            "f:1:4: the byte 0xed is not UTF-8; a graph file is UTF-8");
}

TEST(DocumentTest, JsonMayWriteACharacterAsTwoEscapes) {
  EXPECT_EQ(ActionOf(R"({"tasks": {"a": "\\ud83d \ud83d\ude00\u00e9"}})")
                .exec()
                .shell(),
            "\\ud83d \U0001F600\u00e9");
  EXPECT_EQ(ActionOf(R"(tasks: {a: 'x \ud83d\ude00'})").exec().shell(),
            R"(x \ud83d\ude00)");
  EXPECT_THAT(FaultsOf(R"({"tasks": {"a": "\ud83d"}})"),
              ElementsAre(StartsWith("1:24: not well-formed")));
}

TEST(DocumentTest, BytesThatAreNoTextAreFaults) {
  EXPECT_FALSE(FaultsOf("tasks: {\"\xff\xfe\": x}").empty());
}

}  // namespace
}  // namespace w2t::graphfile
