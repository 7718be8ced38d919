// Cgroups: cgroup v2 for attempts, where the worker may make some. A cgroup
// knows all processes of an attempt whatever they do, kills them at once, and
// bounds what they take.
//
// The system gives memory and processor time only to cgroups whose parent has
// no processes itself, so the worker moves to one beside those of its attempts.
// Of the loop's thread.
#ifndef W2T_CLIENT_WORKER_EXEC_CGROUPS_H_
#define W2T_CLIENT_WORKER_EXEC_CGROUPS_H_

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/worker/loop/unique_fd.h"
#include "w2t/v1/graph.pb.h"

namespace w2t::worker {

// That of one attempt. Removed with the object, if nothing is in it.
class Cgroup {
 public:
  explicit Cgroup(std::string path);
  ~Cgroup();
  Cgroup(const Cgroup&) = delete;
  Cgroup& operator=(const Cgroup&) = delete;

  const std::string& path() const { return path_; }
  // Its folder, for programs to be started in it.
  int fd() const { return folder_.get(); }
  // Whether a process of it lives. Zombies do not count.
  bool Lives() const;
  std::vector<pid_t> Processes() const;
  void Kill() const;
  // How many of its processes were killed because there was no memory left.
  uint64_t OutOfMemoryKills() const;

 private:
  const std::string path_;
  const UniqueFd folder_;
};

class Cgroups {
 public:
  // In `parent`. Empty: in the worker's own cgroup, when that was delegated to
  // it (systemd: Delegate=); NOT_FOUND when not. Before the worker starts
  // anything. INTERNAL with the call and the path.
  static absl::StatusOr<std::unique_ptr<Cgroups>> Open(std::string parent);
  Cgroups(const Cgroups&) = delete;
  Cgroups& operator=(const Cgroups&) = delete;

  const std::string& parent() const { return parent_; }
  // One with a name of its own.
  absl::StatusOr<std::unique_ptr<Cgroup>> Make(std::string_view name) const;
  // FAILED_PRECONDITION, with what is missing, when the system cannot keep to
  // them; those that it can are in force.
  absl::Status Limit(const Cgroup& cgroup, const v1::ExecLimits& limits);

 private:
  explicit Cgroups(std::string parent) : parent_(std::move(parent)) {}

  const std::string parent_;
};

// The folder of this process's cgroup; empty when there is no cgroup v2.
std::string OwnCgroup();

// "512 MiB", "1.5 cpus", for people.
std::string MemoryText(uint64_t bytes);

}  // namespace w2t::worker

#endif  // W2T_CLIENT_WORKER_EXEC_CGROUPS_H_
