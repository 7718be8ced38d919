// The diamond: two tasks use what a first one returns, and a last one joins
// what they make of it. Values of different types flow along the edges.
#include <w2t/flow.h>

#include <iostream>
#include <string>
#include <utility>
#include <vector>

namespace flow = w2t::flow;
using flow::After;

namespace {

std::vector<std::string> Split(const std::string& text) {
  std::vector<std::string> words(1);
  for (const char c : text) {
    if (c == ' ') {
      words.emplace_back();
    } else {
      words.back() += c;
    }
  }
  return words;
}

size_t CountLetters(const std::string& text) {
  size_t letters = 0;
  for (const char c : text) letters += c != ' ' ? 1 : 0;
  return letters;
}

absl::StatusOr<double> Mean(const std::vector<std::string>& words,
                            size_t letters) {
  if (words.empty()) return absl::InvalidArgumentError("there are no words");
  return static_cast<double>(letters) / static_cast<double>(words.size());
}

}  // namespace

int main() {
  flow::Graph graph("diamond");
  auto fetch = graph.Add(
      "fetch", [] { return std::string("the quick brown fox jumps"); });
  auto words = graph.Add("words", After(fetch), Split);
  auto letters = graph.Add("letters", After(fetch), CountLetters);
  auto mean = graph.Add("mean", After(words, letters), Mean);

  const flow::Result result = flow::Executor(2).Run(std::move(graph));
  const absl::StatusOr<double> answer = result[mean];
  if (!answer.ok()) {
    std::cerr << answer.status() << "\n";
    return 1;
  }
  std::cout << *result[letters] << " letters in " << result.Get(words)->size()
            << " words: " << *answer << " a word\n"
            << result.succeeded() << " of " << result.total()
            << " tasks succeeded in " << result.steps() << " steps\n\n"
            << flow::ToMermaid(result);
  return 0;
}
