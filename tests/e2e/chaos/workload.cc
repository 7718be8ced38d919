#include "tests/e2e/chaos/workload.h"

#include <vector>

#include "fmt/format.h"

namespace w2t::chaos {
namespace {

struct Work {
  int ms = 0;
  int code = 0;
  int fails = 0;  // see w2t_chaos_task
  int bytes = 0;
};

class Maker {
 public:
  Maker(const TaskProgram& program, Dice& dice)
      : program_(program), dice_(dice) {}

  v1::Graph Take() { return std::move(graph_); }
  void Name(std::string_view name) { graph_.set_name(std::string(name)); }

  v1::Task& Add(const Work& work) {
    v1::ExecAction& exec = NewTask();
    for (const std::string& word :
         {program_.path, program_.marks, std::string("task"),
          fmt::format("{}", work.ms), fmt::format("{}", work.code),
          fmt::format("{}", work.fails), fmt::format("{}", work.bytes)}) {
      exec.add_argv(word);
    }
    return Last();
  }
  v1::Task& AddQuick() { return Add({.ms = dice_.Between(0, 30)}); }
  v1::Task& AddService() {
    v1::ExecAction& exec = NewTask();
    exec.add_argv(program_.path);
    exec.add_argv(program_.marks);
    exec.add_argv("service");
    v1::Action& action = *graph_.mutable_actions()->rbegin();
    action.mutable_ready()->set_log_text("ready");
    Last().set_kind(v1::TASK_KIND_SERVICE);
    return Last();
  }
  static void After(v1::Task& task, const std::string& name,
                    v1::Condition condition) {
    v1::Dependency& edge = *task.add_depends_on();
    edge.set_task(name);
    edge.set_condition(condition);
  }
  v1::Action& ActionOf(const v1::Task& task) {
    return *graph_.mutable_actions(static_cast<int>(task.action()));
  }
  const std::string& NameOf(int index) const {
    return graph_.tasks(index).name();
  }
  int size() const { return graph_.tasks_size(); }

 private:
  v1::ExecAction& NewTask() {
    v1::Task& task = *graph_.add_tasks();
    task.set_name(fmt::format("t{}", graph_.tasks_size() - 1));
    task.set_action(static_cast<uint32_t>(graph_.actions_size()));
    return *graph_.add_actions()->mutable_exec();
  }
  v1::Task& Last() { return *graph_.mutable_tasks()->rbegin(); }

  const TaskProgram& program_;
  Dice& dice_;
  v1::Graph graph_;
};

void Independent(Maker& maker, Dice& dice) {
  maker.Name("independent");
  for (int i = dice.Between(4, 24); i > 0; --i) maker.AddQuick();
}

void Chain(Maker& maker, Dice& dice) {
  maker.Name("chain");
  const int length = dice.Between(4, 12);
  for (int i = 0; i < length; ++i) {
    v1::Task& task = maker.AddQuick();
    if (i > 0) Maker::After(task, maker.NameOf(i - 1), v1::CONDITION_SUCCEEDED);
  }
}

void Layers(Maker& maker, Dice& dice) {
  maker.Name("layers");
  int first = 0;
  for (int layer = dice.Between(3, 5); layer > 0; --layer) {
    const int end = maker.size();
    for (int i = dice.Between(2, 6); i > 0; --i) {
      v1::Task& task = maker.AddQuick();
      for (int before = first; before < end; ++before) {
        if (dice.Chance(0.5)) {
          Maker::After(task, maker.NameOf(before), v1::CONDITION_SUCCEEDED);
        }
      }
    }
    first = end;
  }
}

// Some fail, and what waits for them minds in different ways.
void Conditions(Maker& maker, Dice& dice) {
  maker.Name("conditions");
  const int roots = dice.Between(3, 6);
  for (int i = 0; i < roots; ++i) {
    v1::Task& task = maker.Add({.ms = dice.Between(0, 20),
                                .code = 3,
                                .fails = dice.Chance(0.5) * 255});
    if (dice.Chance(0.3)) task.set_allow_failure(true);
  }
  constexpr v1::Condition kConditions[] = {
      v1::CONDITION_SUCCEEDED, v1::CONDITION_FAILED, v1::CONDITION_FINISHED,
      v1::CONDITION_STARTED};
  for (int i = dice.Between(4, 10); i > 0; --i) {
    const int end = maker.size();
    v1::Task& task = maker.AddQuick();
    const int skip = dice.Between(1, 2);
    for (int before = dice.Between(0, 1); before < end; before += skip) {
      if (dice.Chance(0.6)) {
        Maker::After(task, maker.NameOf(before), kConditions[dice.Below(4)]);
      }
    }
    if (task.depends_on_size() > 1 && dice.Chance(0.4)) task.set_trigger(1);
  }
}

void Retries(Maker& maker, Dice& dice) {
  maker.Name("retries");
  for (int i = dice.Between(3, 6); i > 0; --i) {
    const int before = maker.size() - 1;
    v1::Task& task = maker.Add({.ms = dice.Between(0, 15),
                                .code = 75,
                                .fails = static_cast<int>(dice.Below(256))});
    task.mutable_retry()->set_attempts(
        static_cast<uint32_t>(dice.Between(2, 4)));
    task.mutable_retry()->mutable_initial_backoff()->set_nanos(
        dice.Between(0, 60) * 1'000'000);
    if (before >= 0 && dice.Chance(0.5)) {
      Maker::After(task, maker.NameOf(before), v1::CONDITION_FINISHED);
    }
  }
}

void Services(Maker& maker, Dice& dice) {
  maker.Name("services");
  const int services = dice.Between(1, 2);
  for (int i = 0; i < services; ++i) {
    v1::Task& service = maker.AddService();
    if (i > 0) Maker::After(service, maker.NameOf(0), v1::CONDITION_READY);
  }
  for (int i = dice.Between(2, 6); i > 0; --i) {
    const int end = maker.size();
    v1::Task& task = maker.Add({.ms = dice.Between(0, 600)});
    Maker::After(
        task,
        maker.NameOf(
            static_cast<int>(dice.Below(static_cast<uint64_t>(services)))),
        dice.Chance(0.8) ? v1::CONDITION_READY : v1::CONDITION_STARTED);
    if (end > services && dice.Chance(0.4)) {
      Maker::After(task, maker.NameOf(end - 1), v1::CONDITION_SUCCEEDED);
    }
  }
}

// None of them may run twice, whatever is killed.
void AtMostOnce(Maker& maker, Dice& dice) {
  maker.Name("once");
  for (int i = dice.Between(3, 8); i > 0; --i) {
    v1::Task& task = maker.Add({.ms = dice.Between(0, 60)});
    task.set_side_effect(v1::SIDE_EFFECT_AT_MOST_ONCE);
    if (maker.size() > 1 && dice.Chance(0.3)) {
      Maker::After(task, maker.NameOf(maker.size() - 2),
                   v1::CONDITION_FINISHED);
    }
  }
}

void Slow(Maker& maker, Dice& dice) {
  maker.Name("slow");
  for (int i = dice.Between(2, 4); i > 0; --i) {
    v1::Task& task = maker.Add({.ms = dice.Between(200, 1'500)});
    if (dice.Chance(0.4)) {
      maker.ActionOf(task).mutable_timeout()->set_nanos(300'000'000);
    }
  }
  Maker::After(maker.AddQuick(), "t0", v1::CONDITION_FINISHED);
}

void Output(Maker& maker, Dice& dice) {
  maker.Name("output");
  for (int i = dice.Between(2, 5); i > 0; --i) {
    maker.Add({.ms = dice.Between(0, 10), .bytes = dice.Between(1, 200'000)});
  }
}

}  // namespace

v1::Graph MakeGraph(const TaskProgram& program, Dice& dice) {
  constexpr void (*kKinds[])(Maker&, Dice&) = {
      Independent, Chain, Layers,     Conditions, Retries,
      Services,    Slow,  AtMostOnce, Output,     Services};
  Maker maker(program, dice);
  kKinds[dice.Below(std::size(kKinds))](maker, dice);
  return maker.Take();
}

}  // namespace w2t::chaos
