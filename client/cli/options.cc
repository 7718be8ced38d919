#include "client/cli/options.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sched.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <thread>

namespace w2t::cli {

CLI::Option* AddChoice(CLI::App& app, const std::string& names,
                       std::string& value,
                       const std::vector<std::string>& choices,
                       const std::string& description) {
  return app.add_option(names, value, description)
      ->type_name(fmt::format("{}", fmt::join(choices, "|")))
      ->check(CLI::IsMember(choices).description(""))
      ->default_str(value);
}

CLI::Option* AddNumber(CLI::App& app, const std::string& names, uint32_t& value,
                       uint32_t least, uint32_t most,
                       const std::string& description) {
  return app.add_option(names, value, description)
      ->type_name("N")
      ->check(CLI::Range(least, most).description(""))
      ->default_str(fmt::to_string(value));
}

uint32_t Cores() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof(set), &set) == 0) {
    return static_cast<uint32_t>(std::max(1, CPU_COUNT(&set)));
  }
  return std::max(1u, std::thread::hardware_concurrency());
}

}  // namespace w2t::cli
