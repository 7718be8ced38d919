#include "w2t/blueprint.h"

int main() {
  w2t::Graph graph("shop");
  graph.Add({.name = "migrate"});
  graph.Add({.name = "api", .depends_on = {{"migrate"}}});
  const w2t::BlueprintOr built = w2t::Blueprint::Build(graph, w2t::Limits());
  return built.blueprint != nullptr && built.blueprint->steps() == 2 ? 0 : 1;
}
