#include "w2t/worker.h"

int main() {
  w2t::worker::Worker worker({.server = "unix:/nonexistent/w2t.sock"});
  worker.Handle("echo", [](const w2t::worker::TaskContext& task) {
    return std::string(task.input());
  });
  worker.Drain();  // so that Run returns at once, having nothing to finish
  return worker.Run().ok() ? 0 : 1;
}
