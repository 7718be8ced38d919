#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "client/cli/commands.h"
#include "client/cli/context.h"
#include "client/cli/exit_code.h"
#include "client/cli/json.h"

namespace w2t::cli {

namespace {

struct DrainFlags {
  std::string worker;
  bool undo = false;
};

int Drain(const DrainFlags& flags, const Context& context) {
  const auto client = context.Connect();
  if (!client.ok()) return context.Fail(client.status());
  auto worker = (*client)->DrainWorker(flags.worker, flags.undo);
  if (!worker.ok()) return context.Fail(worker.status());
  if (context.json()) {
    v1::DrainWorkerResponse response;
    *response.mutable_worker() = *std::move(worker);
    context.out << ToJson(response) << "\n";
    return kSucceeded;
  }
  context.out << fmt::format("{} is {}; it holds {}\n", worker->name(),
                             Word(worker->state()),
                             Count(worker->leases(), "attempt"));
  return kSucceeded;
}

}  // namespace

void AddDrain(CLI::App& app, Context& context) {
  auto flags = std::make_shared<DrainFlags>();
  CLI::App* command = app.add_subcommand(
      "drain", "Let a worker finish what it has and give it nothing new");
  command->add_option("worker", flags->worker, "Name of the worker")
      ->type_name("WORKER")
      ->required();
  command->add_flag("--undo", flags->undo, "Give it work again");
  command->callback([flags, &context] {
    context.action = [flags, &context] { return Drain(*flags, context); };
  });
}

}  // namespace w2t::cli
