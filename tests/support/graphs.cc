#include "tests/support/graphs.h"

#include "fmt/format.h"
#include "google/protobuf/util/time_util.h"

namespace w2t::test {

using google::protobuf::util::TimeUtil;

v1::Task& AddShell(v1::Graph& graph, const std::string& name,
                   const std::string& command,
                   const std::vector<std::string>& after) {
  v1::Task& task = *graph.add_tasks();
  task.set_name(name);
  task.set_action(static_cast<uint32_t>(graph.actions_size()));
  for (const auto& dependency : after) {
    task.add_depends_on()->set_task(dependency);
  }
  graph.add_actions()->mutable_exec()->set_shell(command);
  return task;
}

v1::Action& ActionOf(v1::Graph& graph, const v1::Task& task) {
  return *graph.mutable_actions(static_cast<int>(task.action()));
}

std::string WaitForFile(std::string_view path) {
  return fmt::format("while [ ! -e '{}' ]; do sleep 0.01; done", path);
}

std::map<std::string, Span> SpansOf(const std::vector<v1::TaskStatus>& tasks) {
  std::map<std::string, Span> spans;
  for (const auto& task : tasks) {
    spans[task.name()] = {TimeUtil::TimestampToMicroseconds(task.start_time()),
                          TimeUtil::TimestampToMicroseconds(task.end_time())};
  }
  return spans;
}

const v1::TaskStatus* FindTask(const std::vector<v1::TaskStatus>& tasks,
                               std::string_view name) {
  for (const auto& task : tasks) {
    if (task.name() == name) return &task;
  }
  return nullptr;
}

}  // namespace w2t::test
