// Variables in text and in files.
#include "client/graphfile/expand.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "load.h"

namespace w2t::graphfile {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using testing::UnorderedElementsAre;

Expansion ExpandWith(std::string_view text, ExpandMode mode) {
  const Environment variables = {{"A", "1"}, {"EMPTY", ""}, {"D", "$A"}};
  return Expand(text, mode,
                [&](std::string_view name) -> std::optional<std::string_view> {
                  const auto it = variables.find(name);
                  if (it == variables.end()) return std::nullopt;
                  return it->second;
                });
}

std::string TextOf(std::string_view text, ExpandMode mode = ExpandMode::kAll) {
  const Expansion expansion = ExpandWith(text, mode);
  EXPECT_EQ(expansion.fault, "") << text;
  return expansion.text;
}

std::string FaultIn(std::string_view text) {
  return ExpandWith(text, ExpandMode::kAll).fault;
}

TEST(ExpandTest, PutsInWhatANameStandsFor) {
  EXPECT_EQ(TextOf("a${A}b$A-${EMPTY}"), "a1b1-");
  EXPECT_EQ(TextOf("no variables"), "no variables");
  EXPECT_EQ(TextOf("${D}"), "$A");
}

TEST(ExpandTest, DefaultsAndAlternatives) {
  EXPECT_EQ(TextOf("${A:-x} ${B:-x} ${EMPTY:-x} ${EMPTY-x} ${B-x} ${B:-}"),
            "1 x x  x ");
  EXPECT_EQ(TextOf("${A:+x} ${B:+x} ${EMPTY:+x} ${EMPTY+x}"), "x   x");
  EXPECT_EQ(TextOf("${A:?gone} ${EMPTY?gone}"), "1 ");
  EXPECT_EQ(TextOf("${B:-${C:-${A}}}} ${B:-$$}"), "1} $");
}

TEST(ExpandTest, ADollarThatStartsNoVariableIsItself) {
  EXPECT_EQ(TextOf("$$A ^done$ $1 $"), "$A ^done$ $1 $");
}

TEST(ExpandTest, FaultsSayWhatToDo) {
  EXPECT_EQ(FaultIn("${B}"),
            "the variable B is not set; ${B:-default} gives it a default");
  EXPECT_EQ(FaultIn("${B?}"), "the variable B is not set");
  EXPECT_EQ(FaultIn("${EMPTY:?say ${A:-it}}"),
            "the variable EMPTY is not set or empty: say 1");
  EXPECT_EQ(FaultIn("${A"), "\"${\" is not closed; a dollar is written $$");
  EXPECT_EQ(FaultIn("${A!x}"),
            "\"${A!x}\" is no variable such as ${NAME} or ${NAME:-default}; a "
            "dollar is written $$");
  std::string deep = "x";
  for (int i = 0; i < 20; ++i) deep.insert(0, "${B:-").append("}");
  EXPECT_EQ(FaultIn(deep),
            "variables stand more than 16 deep in each other; the limit "
            "max_expand_depth is 16");
}

TEST(ExpandTest, ValuesMayBeLeftToTheShell) {
  EXPECT_EQ(TextOf("$$ $A ${A} ${B:-${A}} ${B} ${", ExpandMode::kKnownOnly),
            "$$ $A 1 ${B:-1} ${B} ${");
  EXPECT_EQ(TextOf("${B}x", ExpandMode::kUnsetIsEmpty), "x");
}

const Options kWithVariables = {
    .environment = {{"STAGE", "test"}, {"PORT", "80"}, {"N", "3"}}};

TEST(VariablesTest, AreLeftToTheShellInLinesAndPutInElsewhere) {
  const v1::Graph graph = GraphOf(R"(
name: shop-${STAGE}
services:
  a:
    command: ./a $$ ${STAGE} $PORT
    ready: "tcp:${PORT}"
    env: {PORT: "${PORT}", command: "${STAGE}"}
    dir: /srv/${STAGE}
    retry: ${N}
    stop: {command: "./stop ${STAGE}"}
  b: {command: [./b, "${STAGE}", "$$x"], ready: "exec:test ${STAGE}"}
  c: echo ${STAGE}
)",
                                  kWithVariables);
  EXPECT_EQ(graph.name(), "shop-test");
  const v1::Action& a = graph.actions(0);
  EXPECT_EQ(a.exec().shell(), "./a $$ ${STAGE} $PORT");
  EXPECT_EQ(a.ready().tcp(), "80");
  EXPECT_THAT(a.exec().env(), UnorderedElementsAre(Pair("PORT", "80"),
                                                   Pair("command", "test")));
  EXPECT_EQ(a.exec().dir(), "/srv/test");
  EXPECT_EQ(a.stop().command(), "./stop ${STAGE}");
  EXPECT_EQ(graph.tasks(0).retry().attempts(), 3u);
  EXPECT_THAT(graph.actions(1).exec().argv(), ElementsAre("./b", "test", "$x"));
  EXPECT_EQ(graph.actions(1).ready().exec(), "test ${STAGE}");
  EXPECT_EQ(graph.actions(2).exec().shell(), "echo ${STAGE}");
}

TEST(VariablesTest, WhatAShellWouldNotTakeForAVariableIsRefused) {
  EXPECT_THAT(
      FaultsOf("tasks:\n"
               "  fetch: ./fetch\n"
               "  train:\n"
               "    command: ./train '${plain.text}' ${fetch.path}\n"
               "    env: {P: '${fetch.path}'}\n"
               "    replicas: 2\n"),
      ElementsAre("4:14: \"${fetch.path}\" is no variable: a name has letters, "
                  "digits and _, and values of other tasks are not served yet; "
                  "a dollar that is text is written \\$",
                  "5:14: \"${fetch.path}\" is no variable such as ${NAME} or "
                  "${NAME:-default}; a dollar is written $$"));
}

TEST(VariablesTest, FaultsStandWhereTheVariableStandsAndAreTheOnlyOnesThere) {
  EXPECT_THAT(
      FaultsOf("tasks:\n  a: {command: x, retry: \"${B}\", dir: '${C'}\n"),
      ElementsAre("2:26: the variable B is not set; ${B:-default} gives it a "
                  "default",
                  "2:39: \"${\" is not closed; a dollar is written $$"));
}

TEST(VariablesTest, WorkInDefaultsAndBehindAliases) {
  const v1::Graph graph = GraphOf(R"(
defaults: {tasks: {dir: "/${STAGE}"}}
tasks:
  a: &a {command: x, env: {P: "${PORT}"}}
  b: {<<: *a, command: y}
)",
                                  kWithVariables);
  EXPECT_EQ(graph.actions(0).exec().dir(), "/test");
  EXPECT_EQ(graph.actions(1).exec().dir(), "/test");
  EXPECT_EQ(graph.actions(1).exec().env().at("P"), "80");
}

TEST(EnvFileTest, OfATaskIsItsEnvironmentBelowEnv) {
  const v1::Graph graph = GraphOfFiles(
      {{"d/shop.yaml",
        "defaults: {tasks: {env_file: common.env}}\n"
        "tasks:\n"
        "  a: {command: x, env: {E: own}, env_file: [sub/a.env, {path: "
        "no.env, required: false}]}\n"},
       {"d/common.env", "C=common\nE=common\n"},
       {"d/sub/a.env",
        "# a comment\n\nexport A = plain value  # said\nB=\"two\\nlines "
        "${A} $$ \\$\"\nQ='as ${it} is'\nE=file\nC=2\nH=a#b\nX=${STAGE}\n"}},
      {"d/shop.yaml"}, kWithVariables);
  EXPECT_THAT(graph.actions(0).exec().env(),
              UnorderedElementsAre(Pair("A", "plain value"),
                                   Pair("B", "two\nlines plain value $ $"),
                                   Pair("Q", "as ${it} is"), Pair("E", "own"),
                                   Pair("C", "2"), Pair("H", "a#b"),
                                   Pair("X", "test")));
}

TEST(EnvFileTest, AtTheTopIsWhatVariablesOfTheFileStandForBelowTheOutside) {
  const v1::Graph graph =
      GraphOfFiles({{"shop.yaml",
                     "env_file: ${STAGE}.env\n"
                     "tasks: {a: {command: x, dir: \"${DIR}/${PORT}\"}}\n"},
                    {"test.env", "DIR=/data\nPORT=1\n"}},
                   {"shop.yaml"}, kWithVariables);
  EXPECT_EQ(graph.actions(0).exec().dir(), "/data/80");
  EXPECT_THAT(graph.actions(0).exec().env(), IsEmpty());
}

TEST(EnvFileTest, FaultsNameTheFileTheyAreIn) {
  EXPECT_THAT(
      FaultsOfFiles({{"shop.yaml",
                      "env_file: [no.env, a.env]\ntasks: {a: {command: x, "
                      "env_file: {path: no.env, needed: true}}}\n"},
                     {"a.env", "A=1\nwhat\n B='x' y\nC=${D}\nE=\"x\n"}},
                    {"shop.yaml"}),
      ElementsAre(
          "shop.yaml:1:12: \"env_file\": no.env: is not there",
          "shop.yaml:2:35: \"env_file\": no.env: is not there",
          "shop.yaml:2:50: unknown key \"needed\"",
          "a.env:2:1: a line of an env_file must be NAME=VALUE",
          "a.env:3:8: nothing but a comment may follow a quoted value",
          "a.env:4:3: the variable D is not set; ${D:-default} gives it a "
          "default",
          "a.env:5:3: a quote \" that is not closed"));
}

}  // namespace
}  // namespace w2t::graphfile
