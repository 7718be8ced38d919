// What a shell needs to know to complete a command line, read from the parser
// itself, and the three shells' scripts made from it.
#ifndef W2T_CLIENT_CLI_COMPLETION_SPEC_H_
#define W2T_CLIENT_CLI_COMPLETION_SPEC_H_

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace w2t::cli {

struct OptionSpec {
  std::vector<std::string> flags;  // "--output", "-o"
  std::string description;
  std::string value;                 // kind of its value; empty: takes none
  std::vector<std::string> choices;  // the values that it can have, if few
};

struct CommandSpec {
  std::string name;
  std::string description;  // its first sentence
  std::vector<OptionSpec> options;
  std::vector<OptionSpec> positionals;  // without flags
};

struct CompletionSpec {
  std::vector<OptionSpec> global;
  std::vector<CommandSpec> commands;
};

CompletionSpec ReadSpec(const CLI::App& app);

std::string BashScript(const CompletionSpec& spec);
std::string ZshScript(const CompletionSpec& spec);
std::string FishScript(const CompletionSpec& spec);

}  // namespace w2t::cli

#endif  // W2T_CLIENT_CLI_COMPLETION_SPEC_H_
