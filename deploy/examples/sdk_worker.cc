// A worker that serves C++ functions as tasks. With a daemon running:
//
//   sdk_worker 127.0.0.1:7420
//
// A graph asks for "shout" with a handler task:
//
//   {"name": "hello", "actions": [{"handler": {"name": "shout", "input":
//   "aGk="}}],
//    "tasks": [{"name": "greet", "action": 0}]}
#include <w2t/worker.h>

#include <cctype>
#include <iostream>
#include <string>

namespace {

using w2t::worker::TaskContext;

// Returns its input in capitals. Retried tasks say so in their log.
absl::StatusOr<std::string> Shout(const TaskContext& task) {
  if (task.input().empty()) {
    return absl::InvalidArgumentError("there is nothing to shout");
  }
  if (task.attempt() > 1) task.Log("once more\n");
  std::string loud(task.input());
  for (char& c : loud) {
    c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return loud;
}

// Does nothing, as fast as it can.
absl::StatusOr<std::string> Noop(const TaskContext&) { return std::string(); }

}  // namespace

int main(int argc, char** argv) {
  w2t::worker::WorkerOptions options;
  if (argc > 1) options.server = argv[1];
  options.labels = {{"example", "sdk"}};

  w2t::worker::Worker worker(options);
  worker.Handle("shout", &Shout);
  worker.Handle("noop", &Noop);
  const absl::Status status = worker.Run();
  if (status.ok()) return 0;
  std::cerr << "sdk_worker: " << status << "\n";
  return 1;
}
