#include "client/cli/screen.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace w2t::cli {

namespace {

winsize Size() {
  winsize size = {};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0) size = {};
  if (size.ws_col == 0) size.ws_col = 80;
  if (size.ws_row == 0) size.ws_row = 24;
  return size;
}

}  // namespace

Screen::~Screen() {
  Erase();
  Flush();
}

size_t Screen::width() const { return Size().ws_col; }
size_t Screen::height() const { return Size().ws_row; }

void Screen::Print(std::string_view line) {
  scrolled_.append(line);
  scrolled_.push_back('\n');
}

void Screen::Draw(const std::vector<std::string>& block) {
  if (!live_ || block == block_) return;
  block_ = block;
  changed_ = true;
}

bool Screen::Flush() {
  if (scrolled_.empty() && !changed_) return out_.good();
  std::string text;
  if (drawn_ > 0) text += fmt::format("\x1b[{}F\x1b[J", drawn_);
  text += scrolled_;
  for (const std::string& line : block_) text += line + "\n";
  drawn_ = block_.size();
  scrolled_.clear();
  changed_ = false;
  out_ << text;
  out_.flush();
  return out_.good();
}

}  // namespace w2t::cli
