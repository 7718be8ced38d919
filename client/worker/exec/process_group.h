// Process groups, as signals and /proc know them.
#ifndef W2T_CLIENT_WORKER_EXEC_PROCESS_GROUP_H_
#define W2T_CLIENT_WORKER_EXEC_PROCESS_GROUP_H_

#include <sys/types.h>

#include <string>

namespace w2t::worker {

// Sends `signal` to all members. Only while the group has a member, be it a
// zombie: its number may be another's later. An empty group is left alone.
void SignalGroup(pid_t group, int signal);

// True while a member lives. Zombies do not count: who is to take them off the
// process table may never do so.
bool GroupLives(pid_t group);

// "TERM" for 15; "signal 40" for a number without a name.
std::string SignalName(int signal);

}  // namespace w2t::worker

#endif  // W2T_CLIENT_WORKER_EXEC_PROCESS_GROUP_H_
