// A build system: utils is compiled before core, core before app, and then the
// program is linked. The order comes from a table of names, as it would from
// files that people write, and is checked before anything runs.
#include <w2t/flow.h>

#include <iostream>
#include <string>
#include <utility>
#include <vector>

namespace flow = w2t::flow;

namespace {

struct Unit {
  std::string name;
  std::vector<std::string> needs;
};

// In place of a compiler.
std::string Compile(const std::string& name) {
  std::cout << "compile " << name << ".cc\n";
  return name + ".o";
}

void Link(const flow::Values<std::string>& objects) {
  std::cout << "link";
  for (const std::string& object : objects) std::cout << " " << object;
  std::cout << "\n";
}

flow::Graph MakeBuild(const std::vector<Unit>& units) {
  flow::Graph graph("build");
  std::vector<flow::Task<std::string>> objects;
  for (const Unit& unit : units) {
    objects.push_back(
        graph.Add(unit.name, [name = unit.name] { return Compile(name); }));
  }
  for (const Unit& unit : units) {
    for (const std::string& need : unit.needs) graph.Order(need, unit.name);
  }
  graph.Add("link", flow::After(objects), Link);
  return graph;
}

}  // namespace

int main() {
  flow::Executor executor = flow::Executor::OneAtATime();
  const flow::Result built = executor.Run(
      MakeBuild({{"app", {"core"}}, {"core", {"utils"}}, {"utils", {}}}));
  std::cout << (built.ok() ? "built" : "not built") << " in " << built.steps()
            << " steps\n";

  // What people write may be wrong, in more than one way.
  const flow::Result cyclic = executor.Run(
      MakeBuild({{"app", {"core"}}, {"core", {"utils"}}, {"utils", {"core"}}}));
  std::cout << cyclic.status() << "\n";
  const flow::Result misspelt = executor.Run(
      MakeBuild({{"app", {"corr"}}, {"core", {"util"}}, {"utils", {}}}));
  for (const w2t::Diagnostic& fault : misspelt.faults().listed()) {
    std::cout << "fault: " << fault.message << "\n";
  }
  return built.ok() && !cyclic.ok() && !misspelt.ok() ? 0 : 1;
}
