// Shows a run while it goes on: some lines that are drawn over on a terminal, else a line now and
// then on standard error.
//
//   LiveDisplay display(LiveDisplay::Choose(quiet));
//   every turn of the loop:   display.Update(recorder.results(), now);
//   before anything is printed at the end:   display.End();
//
// On a terminal the lines are drawn every kRedraw and erased by End(), so that the report takes
// their place; no mode of the terminal is changed, so nothing has to be restored if the program
// dies. A terminal that takes nothing now (Ctrl-S) is passed over: the display never waits.
// Width and height are asked for at every drawing. One thread.
#ifndef MILLRACE_TOOLS_REPLAY_LIVE_DISPLAY_H_
#define MILLRACE_TOOLS_REPLAY_LIVE_DISPLAY_H_

#include <cstdint>
#include <string_view>

#include "engine/base/units.h"
#include "tools/replay/results.h"

namespace replay {

inline constexpr engine::Time kRedraw = std::chrono::milliseconds(250);
inline constexpr engine::Time kLogEvery = std::chrono::seconds(10);

class LiveDisplay {
 public:
  enum class Style : std::uint8_t {
    kOff,
    kLines,   // a line every kLogEvery
    kScreen,  // drawn over every kRedraw
  };
  struct Output {
    Style style = Style::kOff;
    int fd = -1;  // of the caller
  };

  // kScreen on standard output if that is a terminal that can do it (TERM is neither unset nor
  // "dumb"), else kLines on standard error; kOff when `quiet`.
  static Output Choose(bool quiet);

  explicit LiveDisplay(Output output) : output_(output) {}
  LiveDisplay(const LiveDisplay&) = delete;
  LiveDisplay& operator=(const LiveDisplay&) = delete;
  ~LiveDisplay() { End(); }

  // As often as you like: most calls only look at `now` (the player's clock).
  void Update(const RunResults& results, engine::Time now);
  // Takes away what was drawn. Update() may be called again after it.
  void End();

 private:
  void Draw(const RunResults& results);
  void Write(std::string_view text) const;

  const Output output_;
  engine::Time next_{};    // 0: at the first call, a period from then
  std::size_t drawn_ = 0;  // lines on the terminal
};

}  // namespace replay

#endif  // MILLRACE_TOOLS_REPLAY_LIVE_DISPLAY_H_
