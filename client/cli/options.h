// Kinds of option that several commands have, so that they look alike in --help
// and in shell completion.
#ifndef W2T_CLIENT_CLI_OPTIONS_H_
#define W2T_CLIENT_CLI_OPTIONS_H_

#include <cstdint>
#include <string>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace w2t::cli {

// One of a few words. The value that `value` has now is the default.
CLI::Option* AddChoice(CLI::App& app, const std::string& names,
                       std::string& value,
                       const std::vector<std::string>& choices,
                       const std::string& description);

// A number from `least` to `most`.
CLI::Option* AddNumber(CLI::App& app, const std::string& names, uint32_t& value,
                       uint32_t least, uint32_t most,
                       const std::string& description);

// The processors that this process may use, at least 1: the default of --slots.
uint32_t Cores();

}  // namespace w2t::cli

#endif  // W2T_CLIENT_CLI_OPTIONS_H_
