// Drawing: up by the lines that were drawn, each line and the rest of its row erased.
#include "tools/replay/live_display.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tools/replay/live_lines.h"

namespace replay {
namespace {

// ECMA-48: cursor to the beginning of the n-th line above; erase to the end of line; of screen.
constexpr const char* kUpEnd = "F";
constexpr const char* kControl = "\x1b[";
constexpr const char* kEraseLine = "\x1b[K";
constexpr const char* kEraseBelow = "\x1b[J";

constexpr std::size_t kWidthDefault = 80;
constexpr std::size_t kWidthMin = 20;
constexpr std::size_t kHeightDefault = 24;

struct Size {
  std::size_t width = kWidthDefault;
  std::size_t height = kHeightDefault;
};

Size SizeOf(int fd) {
  winsize size{};
  if (::ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0) return {};
  return {.width = std::max<std::size_t>(kWidthMin, size.ws_col), .height = size.ws_row};
}

bool TakesNow(int fd) {
  pollfd question{.fd = fd, .events = POLLOUT, .revents = 0};
  return ::poll(&question, 1, 0) == 1 && (question.revents & POLLOUT) != 0;
}

std::string UpBy(std::size_t lines) {
  return lines == 0 ? "" : absl::StrCat(kControl, lines, kUpEnd);
}

}  // namespace

LiveDisplay::Output LiveDisplay::Choose(bool quiet) {
  if (quiet) return {};
  const char* terminal = std::getenv("TERM");  // NOLINT(concurrency-mt-unsafe): nobody sets it
  const bool can_draw = terminal != nullptr && std::string_view(terminal) != "dumb";
  if (can_draw && ::isatty(STDOUT_FILENO) == 1)
    return {.style = Style::kScreen, .fd = STDOUT_FILENO};
  return {.style = Style::kLines, .fd = STDERR_FILENO};
}

void LiveDisplay::Update(const RunResults& results, engine::Time now) {
  if (output_.style == Style::kOff || now < next_) return;
  const bool first = next_ == engine::Time{};
  const engine::Time period = output_.style == Style::kScreen ? kRedraw : kLogEvery;
  next_ = now + period;
  if (first) return;  // nothing has happened yet
  if (!TakesNow(output_.fd)) return;
  if (output_.style == Style::kScreen) {
    Draw(results);
  } else {
    Write(absl::StrCat("millrace-replay: ", LiveLine(results), "\n"));
  }
}

void LiveDisplay::Draw(const RunResults& results) {
  const Size size = SizeOf(output_.fd);
  std::vector<std::string> lines = LiveLines(results, size.width - 1);
  lines.resize(std::min(lines.size(), size.height - 1));
  std::string text = UpBy(drawn_);
  for (const std::string& line : lines)
    absl::StrAppend(&text, line, kEraseLine, "\n");
  if (drawn_ > lines.size()) text += kEraseBelow;
  drawn_ = lines.size();
  Write(text);
}

void LiveDisplay::End() {
  if (drawn_ > 0) Write(absl::StrCat(UpBy(drawn_), kEraseBelow));
  drawn_ = 0;
}

// What is lost of a drawing is drawn again.
void LiveDisplay::Write(std::string_view text) const {
  const ssize_t written = ::write(output_.fd, text.data(), text.size());
  static_cast<void>(written);
}

}  // namespace replay
