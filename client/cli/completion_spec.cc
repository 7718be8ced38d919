#include "client/cli/completion_spec.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <string_view>

namespace w2t::cli {

namespace {

// Commands that list what a positional of some kind may be.
constexpr std::string_view kRuns =
    "w2t list -n 50 2>/dev/null | awk 'NR > 1 {print $1}'";
constexpr std::string_view kWorkers =
    "w2t workers 2>/dev/null | awk 'NR > 1 {print $1}'";

std::vector<std::string> Split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  size_t begin = 0;
  while (true) {
    const size_t end = text.find(separator, begin);
    parts.push_back(text.substr(begin, end - begin));
    if (end == std::string::npos) return parts;
    begin = end + 1;
  }
}

// Values are words when the kind is "a|b|c" in lower case.
std::vector<std::string> Choices(const std::string& value) {
  const bool words =
      value.find('|') != std::string::npos &&
      std::none_of(value.begin(), value.end(),
                   [](unsigned char c) { return std::isupper(c); });
  return words ? Split(value, '|') : std::vector<std::string>();
}

OptionSpec ReadOption(const CLI::Option& option) {
  OptionSpec spec;
  for (const std::string& name : option.get_lnames()) {
    spec.flags.push_back("--" + name);
  }
  for (const std::string& name : option.get_snames()) {
    spec.flags.push_back("-" + name);
  }
  spec.description = option.get_description();
  if (option.get_items_expected_max() > 0) {
    spec.value = option.get_type_name();
    spec.choices = Choices(spec.value);
  }
  return spec;
}

// All flags of `options`, in one line.
std::string FlagWords(const std::vector<OptionSpec>& options) {
  std::vector<std::string> words;
  for (const OptionSpec& option : options) {
    words.insert(words.end(), option.flags.begin(), option.flags.end());
  }
  return fmt::format("{}", fmt::join(words, " "));
}

std::string_view Lister(const std::string& value) {
  if (value == "RUN") return kRuns;
  if (value == "WORKER") return kWorkers;
  return {};
}

bool TakesFile(const CommandSpec& command) {
  return std::any_of(
      command.positionals.begin(), command.positionals.end(),
      [](const OptionSpec& option) { return option.value == "FILE"; });
}

// One arm of bash's `case $command:$prev`.
std::string BashValueArm(std::string_view command, const OptionSpec& option) {
  if (option.value.empty()) return std::string();
  std::vector<std::string> patterns;
  for (const std::string& flag : option.flags) {
    patterns.push_back(fmt::format("{}:{}", command, flag));
  }
  return fmt::format("    {}) words='{}'; value=1 ;;\n",
                     fmt::join(patterns, " | "),
                     fmt::join(option.choices, " "));
}

// For zsh: quotes end, brackets and colons are special in a specification.
std::string ZshText(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '\'') {
      escaped += "'\\''";
      continue;
    }
    if (c == '[' || c == ']' || c == ':' || c == '\\') escaped += '\\';
    escaped += c;
  }
  return escaped;
}

std::string ZshAction(const OptionSpec& option) {
  if (!option.choices.empty()) {
    return fmt::format("({})", fmt::join(option.choices, " "));
  }
  if (option.value == "FILE") return "_files";
  if (option.value == "RUN") return "_w2t_runs";
  if (option.value == "WORKER") return "_w2t_workers";
  return " ";
}

std::string ZshOption(const OptionSpec& option) {
  std::string text;
  for (const std::string& flag : option.flags) {
    text += fmt::format(" '{}[{}]", flag, ZshText(option.description));
    if (!option.value.empty()) {
      text += fmt::format(":{}:{}", ZshText(option.value), ZshAction(option));
    }
    text += "'";
  }
  return text;
}

std::string FishText(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '\'' || c == '\\') escaped += '\\';
    escaped += c;
  }
  return escaped;
}

std::string FishOption(std::string_view condition, const OptionSpec& option) {
  std::string line = fmt::format("complete -c w2t{}", condition);
  for (const std::string& flag : option.flags) {
    line += flag.starts_with("--") ? fmt::format(" -l {}", flag.substr(2))
                                   : fmt::format(" -s {}", flag.substr(1));
  }
  if (!option.value.empty()) line += " -x";
  if (!option.choices.empty()) {
    line += fmt::format(" -a '{}'", fmt::join(option.choices, " "));
  }
  return line + fmt::format(" -d '{}'\n", FishText(option.description));
}

}  // namespace

CompletionSpec ReadSpec(const CLI::App& app) {
  CompletionSpec spec;
  for (const CLI::Option* option : app.get_options()) {
    spec.global.push_back(ReadOption(*option));
  }
  for (const CLI::App* command :
       app.get_subcommands([](const CLI::App*) { return true; })) {
    CommandSpec& entry = spec.commands.emplace_back();
    entry.name = command->get_name();
    entry.description = command->get_description();
    for (const CLI::Option* option : command->get_options()) {
      if (option == command->get_help_ptr()) continue;  // a global one
      (option->get_positional() ? entry.positionals : entry.options)
          .push_back(ReadOption(*option));
    }
  }
  return spec;
}

std::string BashScript(const CompletionSpec& spec) {
  std::vector<std::string> names;
  for (const CommandSpec& command : spec.commands) {
    names.push_back(command.name);
  }
  std::string values;
  std::string words;
  for (const OptionSpec& option : spec.global) {
    values += BashValueArm("*", option);
  }
  for (const CommandSpec& command : spec.commands) {
    for (const OptionSpec& option : command.options) {
      values += BashValueArm(command.name, option);
    }
    std::string arm = fmt::format("flags+=' {}'", FlagWords(command.options));
    for (const OptionSpec& positional : command.positionals) {
      if (!positional.choices.empty()) {
        arm += fmt::format("; words='{}'", fmt::join(positional.choices, " "));
      }
      if (const auto lister = Lister(positional.value); !lister.empty()) {
        arm += fmt::format("; [[ $cur == -* ]] || words=$({})", lister);
      }
    }
    if (TakesFile(command)) arm += "; files=1";
    words += fmt::format("      {}) {} ;;\n", command.name, arm);
  }
  return fmt::format(
      R"(# bash completion for w2t; load it with: source <(w2t completion bash)
_w2t() {{
  local cur=${{COMP_WORDS[COMP_CWORD]}} prev=${{COMP_WORDS[COMP_CWORD-1]}}
  local command= words= flags='{}' value= files= i
  for ((i = 1; i < COMP_CWORD; i++)); do
    case ${{COMP_WORDS[i]}} in
      {}) command=${{COMP_WORDS[i]}}; break ;;
    esac
  done
  case $command:$prev in
{}  esac
  if [[ -z $value ]]; then
    case $command in
{}      *) words='{}' ;;
    esac
    [[ $cur == -* || -z $words$files ]] && words=$flags
  fi
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
  if [[ -n $files && $cur != -* ]]; then
    COMPREPLY=()
    compopt -o default
  fi
}}
complete -F _w2t w2t
)",
      FlagWords(spec.global), fmt::join(names, " | "), values, words,
      fmt::join(names, " "));
}

std::string ZshScript(const CompletionSpec& spec) {
  std::string commands;
  std::string arms;
  std::string global;
  for (const OptionSpec& option : spec.global) global += ZshOption(option);
  for (const CommandSpec& command : spec.commands) {
    commands += fmt::format("    '{}:{}'\n", command.name,
                            ZshText(command.description));
    std::string arm;
    for (const OptionSpec& option : command.options) arm += ZshOption(option);
    for (size_t i = 0; i < command.positionals.size(); ++i) {
      const OptionSpec& positional = command.positionals[i];
      arm += fmt::format(" '{}:{}:{}'", i + 1, ZshText(positional.value),
                         ZshAction(positional));
    }
    arms += fmt::format("        {}) _arguments -s $global{} ;;\n",
                        command.name, arm);
  }
  return fmt::format(
      R"(#compdef w2t
# zsh completion for w2t; load it with: source <(w2t completion zsh)
_w2t_runs() {{ compadd -- $({}) }}
_w2t_workers() {{ compadd -- $({}) }}
_w2t() {{
  local -a commands global
  local context state line
  commands=(
{}  )
  global=({})
  _arguments -s -C $global '1:command:->command' '*::argument:->argument'
  case $state in
    command) _describe command commands ;;
    argument)
      case $words[1] in
{}      esac ;;
  esac
}}
if [[ $funcstack[1] == _w2t ]]; then _w2t "$@"; else compdef _w2t w2t; fi
)",
      kRuns, kWorkers, commands, global, arms);
}

std::string FishScript(const CompletionSpec& spec) {
  std::string script =
      "# fish completion for w2t; load it with: w2t completion fish | source\n"
      "complete -c w2t -f\n";
  for (const OptionSpec& option : spec.global) script += FishOption("", option);
  for (const CommandSpec& command : spec.commands) {
    script +=
        fmt::format("complete -c w2t -n __fish_use_subcommand -a {} -d '{}'\n",
                    command.name, FishText(command.description));
    const std::string condition =
        fmt::format(" -n '__fish_seen_subcommand_from {}'", command.name);
    for (const OptionSpec& option : command.options) {
      script += FishOption(condition, option);
    }
    for (const OptionSpec& positional : command.positionals) {
      const std::string_view lister = Lister(positional.value);
      if (positional.value == "FILE") {
        script += fmt::format("complete -c w2t{} -F\n", condition);
      } else if (!positional.choices.empty()) {
        script += fmt::format("complete -c w2t{} -a '{}'\n", condition,
                              fmt::join(positional.choices, " "));
      } else if (!lister.empty()) {
        script += fmt::format("complete -c w2t{} -a '({})'\n", condition,
                              FishText(lister));
      }
    }
  }
  return script;
}

}  // namespace w2t::cli
