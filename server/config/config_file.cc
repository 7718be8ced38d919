#include <string>
#include <string_view>
#include <vector>

#include "fmt/format.h"
#include "server/config/addresses.h"
#include "server/config/config.h"
#include "yaml-cpp/yaml.h"

namespace w2t::server {
namespace {

// One configuration file, with the places of its faults.
class ConfigFile {
 public:
  ConfigFile(std::string path, Config* config)
      : path_(std::move(path)), config_(config) {}

  absl::Status Apply(const YAML::Node& root) {
    if (root.IsNull()) return absl::OkStatus();
    if (!root.IsMap()) {
      return Fault(root.Mark(), "the file must be a map of settings");
    }
    for (const auto& entry : root) {
      absl::Status status = ApplyEntry(entry.first, entry.second);
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  }

  absl::Status Fault(const YAML::Mark& mark, std::string_view message) const {
    return absl::InvalidArgumentError(fmt::format(
        "{}:{}:{}: {}", path_, mark.line + 1, mark.column + 1, message));
  }

 private:
  absl::Status ApplyEntry(const YAML::Node& key, const YAML::Node& value) {
    if (!key.IsScalar()) return Fault(key.Mark(), "a key must be a word");
    const std::string& name = key.Scalar();
    if (name == "listen") return ApplyListen(value);
    if (name == "limits") return ApplyLimits(value);
    for (const Setting& setting : AllSettings()) {
      if (setting.name == name) return ApplySetting(setting, value);
    }
    return Fault(key.Mark(), fmt::format("unknown key '{}'", name));
  }

  absl::Status ApplySetting(const Setting& setting, const YAML::Node& value) {
    if (!value.IsScalar()) {
      return Fault(value.Mark(),
                   fmt::format("{} must have one value", setting.name));
    }
    const absl::Status status = setting.set(value.Scalar(), config_);
    if (status.ok()) return status;
    return Fault(value.Mark(), fmt::format("{} {}", setting.name,
                                           std::string(status.message())));
  }

  absl::Status ApplyListen(const YAML::Node& value) {
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
        return Fault(item.Mark(), "listen must hold addresses");
      }
      const absl::Status status = CheckAddress(item.Scalar());
      if (!status.ok()) {
        return Fault(item.Mark(), std::string(status.message()));
      }
      addresses.push_back(item.Scalar());
    }
    config_->listen = std::move(addresses);
    return absl::OkStatus();
  }

  absl::Status ApplyLimits(const YAML::Node& value) {
    if (!value.IsMap()) {
      return Fault(value.Mark(), "limits must be a map of names to numbers");
    }
    for (const auto& entry : value) {
      if (!entry.first.IsScalar() || !entry.second.IsScalar()) {
        return Fault(entry.first.Mark(), "a limit must be a name and a number");
      }
      const absl::Status status = SetLimit(
          entry.first.Scalar(), entry.second.Scalar(), &config_->limits);
      if (!status.ok()) {
        return Fault(entry.first.Mark(), std::string(status.message()));
      }
    }
    return absl::OkStatus();
  }

  const std::string path_;
  Config* const config_;
};

}  // namespace

absl::Status ApplyConfigFile(const std::string& path, Config* config) {
  ConfigFile file(path, config);
  try {
    return file.Apply(YAML::LoadFile(path));
  } catch (const YAML::BadFile&) {
    return absl::NotFoundError(fmt::format("cannot read {}", path));
  } catch (const YAML::Exception& error) {
    return file.Fault(error.mark, error.msg);
  }
}

}  // namespace w2t::server
