#include <string>
#include <string_view>
#include <vector>

#include "fmt/format.h"
#include "server/config/addresses.h"
#include "server/config/config.h"
#include "yaml-cpp/yaml.h"

namespace w2t::server {
namespace {

// So many faults are told.
constexpr size_t kMaxFaults = 20;

// One configuration file, with the places of its faults.
class ConfigFile {
 public:
  ConfigFile(std::string path, Config* config)
      : path_(std::move(path)), config_(config) {}

  void Apply(const YAML::Node& root) {
    if (root.IsNull()) return;
    if (!root.IsMap()) {
      return Fault(root.Mark(), "the file must be a map of settings");
    }
    for (const auto& entry : root) ApplyEntry(entry.first, entry.second);
  }

  void Fault(const YAML::Mark& mark, std::string_view message) {
    if (++fault_count_ > kMaxFaults) return;
    faults_ += fmt::format("{}{}:{}:{}: {}", faults_.empty() ? "" : "\n", path_,
                           mark.line + 1, mark.column + 1, message);
  }

  // INVALID_ARGUMENT with a line for each fault.
  absl::Status status() const {
    if (fault_count_ == 0) return absl::OkStatus();
    if (fault_count_ <= kMaxFaults) return absl::InvalidArgumentError(faults_);
    return absl::InvalidArgumentError(fmt::format(
        "{}\nand {} more faults", faults_, fault_count_ - kMaxFaults));
  }

 private:
  void ApplyEntry(const YAML::Node& key, const YAML::Node& value) {
    if (!key.IsScalar()) return Fault(key.Mark(), "a key must be a word");
    const std::string& name = key.Scalar();
    if (name == "listen") return ApplyListen(value);
    if (name == "limits") return ApplyLimits(value);
    for (const Setting& setting : AllSettings()) {
      if (setting.name == name) return ApplySetting(setting, value);
    }
    Fault(key.Mark(), fmt::format("unknown key '{}'", name));
  }

  void ApplySetting(const Setting& setting, const YAML::Node& value) {
    if (!value.IsScalar()) {
      return Fault(value.Mark(),
                   fmt::format("{} must have one value", setting.name));
    }
    const absl::Status status = setting.set(value.Scalar(), config_);
    if (status.ok()) return;
    Fault(value.Mark(),
          fmt::format("{} {}", setting.name, std::string(status.message())));
  }

  void ApplyListen(const YAML::Node& value) {
    std::vector<YAML::Node> items;
    if (value.IsScalar()) {
      items.push_back(value);
    } else if (value.IsSequence() && value.size() > 0) {
      for (const YAML::Node& item : value) items.push_back(item);
    } else {
      return Fault(value.Mark(), "listen must be an address or a list of them");
    }
    std::vector<std::string> addresses;
    for (const YAML::Node& item : items) {
      if (!item.IsScalar()) {
        Fault(item.Mark(), "listen must hold addresses");
        continue;
      }
      const absl::Status status = CheckAddress(item.Scalar());
      if (!status.ok()) Fault(item.Mark(), std::string(status.message()));
      addresses.push_back(item.Scalar());
    }
    config_->listen = std::move(addresses);
  }

  void ApplyLimits(const YAML::Node& value) {
    if (!value.IsMap()) {
      return Fault(value.Mark(), "limits must be a map of names to numbers");
    }
    for (const auto& entry : value) {
      if (!entry.first.IsScalar() || !entry.second.IsScalar()) {
        Fault(entry.first.Mark(), "a limit must be a name and a number");
        continue;
      }
      const absl::Status status = SetLimit(
          entry.first.Scalar(), entry.second.Scalar(), &config_->limits);
      if (!status.ok()) {
        Fault(entry.first.Mark(), std::string(status.message()));
      }
    }
  }

  const std::string path_;
  Config* const config_;
  std::string faults_;
  size_t fault_count_ = 0;
};

}  // namespace

absl::Status ApplyConfigFile(const std::string& path, Config* config) {
  ConfigFile file(path, config);
  try {
    file.Apply(YAML::LoadFile(path));
  } catch (const YAML::BadFile&) {
    return absl::NotFoundError(fmt::format("cannot read {}", path));
  } catch (const YAML::Exception& error) {
    file.Fault(error.mark, error.msg);
  }
  return file.status();
}

}  // namespace w2t::server
