// Screen: lines that scroll, above a block that is redrawn in place.
#ifndef W2T_CLIENT_CLI_SCREEN_H_
#define W2T_CLIENT_CLI_SCREEN_H_

#include <cstddef>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

namespace w2t::cli {

// Not thread-safe. Without `live` there is no block, and lines are written as
// they come.
class Screen {
 public:
  Screen(std::ostream& out, bool live) : out_(out), live_(live) {}
  // Leaves the terminal without the block.
  ~Screen();
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  bool live() const { return live_; }
  // Columns and lines of the terminal: 80 and 24 when it does not tell.
  size_t width() const;
  size_t height() const;

  void Print(std::string_view line);
  // Replaces the block.
  void Draw(const std::vector<std::string>& block);
  void Erase() { Draw({}); }
  // Writes what has gathered. False once nobody reads it any more.
  bool Flush();

 private:
  std::ostream& out_;
  const bool live_;
  std::string scrolled_;
  std::vector<std::string> block_;
  size_t drawn_ = 0;  // lines of the block on the terminal
  bool changed_ = false;
};

}  // namespace w2t::cli

#endif  // W2T_CLIENT_CLI_SCREEN_H_
