// Four tasks on one thread, with no barrier between the steps:
//
//   setup_db         2 units
//   download_assets  3 units
//   start_server     1 unit   after setup_db
//   run_tests        2 units  after start_server and download_assets
//
// start_server need not wait for download_assets, so all is done after 5 units.
// If each step waited for the whole step before it, that would be 3 + 1 + 2.
//
// With --manual it runs on a ManualHost, whose time passes only when it is told
// to, as in a test.
#include <w2t/flow.h>

#include <cmath>
#include <iostream>
#include <string>
#include <string_view>
#include <utility>

namespace flow = w2t::flow;
using flow::After;
using flow::Async;

namespace {

constexpr absl::Duration kUnit = absl::Milliseconds(100);

// What the tasks do: they wait, as one does for a database or a download.
Async<> Work(std::string name, int units) {
  std::cout << "start " << name << "\n";
  co_await flow::Sleep(units * kUnit);
  std::cout << "done  " << name << "\n";
}

flow::Graph MakeGraph() {
  flow::Graph graph("when2task");
  auto setup_db = graph.Add("setup_db", [] { return Work("setup_db", 2); });
  auto download_assets =
      graph.Add("download_assets", [] { return Work("download_assets", 3); });
  auto start_server = graph.Add("start_server", After(setup_db),
                                [] { return Work("start_server", 1); });
  graph.Add("run_tests", After(start_server, download_assets),
            [] { return Work("run_tests", 2); });
  return graph;
}

int Report(const flow::Result& result, absl::Duration took) {
  if (!result.ok()) {
    std::cerr << result.status() << "\n";
    return 1;
  }
  std::cout << result.total() << " tasks in " << result.steps()
            << " steps ended after "
            << std::lround(absl::FDivDuration(took, kUnit))
            << " units; with barriers it would be 6\n";
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::string_view(argv[1]) == "--manual") {
    flow::ManualHost host;
    flow::Execution run = flow::Executor(host).Start(MakeGraph());
    while (!run.done()) host.Advance(kUnit);
    return Report(run.Wait(), host.now());
  }
  const flow::Result result = flow::Executor::Cooperative().Run(MakeGraph());
  return Report(result, result.wall_time());
}
