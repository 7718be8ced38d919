// The commands. Each Add... declares one with its flags, and sets
// Context::action when it is chosen. `context` must outlive `app`.
#ifndef W2T_CLIENT_CLI_COMMANDS_H_
#define W2T_CLIENT_CLI_COMMANDS_H_

namespace CLI {
class App;
}

namespace w2t::cli {

struct Context;

void AddRun(CLI::App& app, Context& context);
void AddUp(CLI::App& app, Context& context);
void AddDown(CLI::App& app, Context& context);
void AddPs(CLI::App& app, Context& context);
void AddRestart(CLI::App& app, Context& context);
void AddApply(CLI::App& app, Context& context);
void AddScaleCommand(CLI::App& app, Context& context);
void AddSubmit(CLI::App& app, Context& context);
void AddWatch(CLI::App& app, Context& context);
void AddStatus(CLI::App& app, Context& context);
void AddList(CLI::App& app, Context& context);
void AddLogs(CLI::App& app, Context& context);
void AddCancel(CLI::App& app, Context& context);
void AddValidate(CLI::App& app, Context& context);
void AddPlan(CLI::App& app, Context& context);
void AddExplain(CLI::App& app, Context& context);
void AddCriticalChain(CLI::App& app, Context& context);
void AddWorkers(CLI::App& app, Context& context);
void AddDrain(CLI::App& app, Context& context);
void AddCompletion(CLI::App& app, Context& context);
void AddVersion(CLI::App& app, Context& context);

}  // namespace w2t::cli

#endif  // W2T_CLIENT_CLI_COMMANDS_H_
