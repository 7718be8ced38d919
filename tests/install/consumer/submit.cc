#include "w2t/client.h"

// Nothing listens there, and the client says so.
int main() {
  const auto client = w2t::Client::Connect("unix:/nonexistent/w2t.sock");
  if (!client.ok()) return w2t::IsUnreachable(client.status()) ? 0 : 1;
  return (*client)->GetRun("shop-1").ok() ? 1 : 0;
}
