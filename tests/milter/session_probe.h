// For the milter tests: packets as text, and a filter session's events as text lines.
//
// Events are rendered with everything that a caller may use of them, so two runs are equal when
// their lines are. Body pieces that follow each other become one line, because their cutting
// depends on the chunking.
#ifndef MILLRACE_TESTS_MILTER_SESSION_PROBE_H_
#define MILLRACE_TESTS_MILTER_SESSION_PROBE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/block_pool.h"
#include "milter/session.h"

namespace milter {

// "a\0b" in a literal keeps its NULs.
template <std::size_t kSize>
std::string Raw(const char (&text)[kSize]) {
  return std::string(text, kSize - 1);
}

std::string Pack(char code, std::string_view payload = {});
std::string PackOffer(std::uint32_t version, Actions actions, Protocol protocol);
// What Postfix and Sendmail offer today.
std::string PackOffer();

// NUL, backslash and bytes outside printable ASCII become \0, \\ and \xNN; the form of the golden
// files.
std::string Escape(std::string_view bytes);
std::string Unescape(std::string_view text);

std::string Render(const Event& event);

// A session with a pool of its own.
class SessionProbe {
 public:
  explicit SessionProbe(const FilterOptions& options, std::size_t pool_bytes = 4 << 20)
      : options_(options), pool_(pool_bytes), session_(options_, pool_) {}

  // Feeds bytes in chunks of `chunk_bytes` (0: all at once) and reads all events. Each chunk lives
  // in a block of just its size, gone before the next comes.
  void Feed(std::string_view bytes, std::size_t chunk_bytes = 0);

  // The lines since the last call.
  std::vector<std::string> TakeLines();
  FilterSession& session() { return session_; }
  engine::BlockPool& pool() { return pool_; }
  std::size_t replies_due() const { return replies_due_; }
  // Off: the session stays where it awaits the verdict.
  bool verdict_at_once = true;

 private:
  void OnEvent(const Event& event);

  FilterOptions options_;
  engine::BlockPool pool_;
  FilterSession session_;
  std::vector<std::string> lines_;
  std::string body_;
  std::size_t body_due_ = 0;
  bool body_stray_ = false;
  bool body_open_ = false;
  std::size_t replies_due_ = 0;
};

std::vector<std::string> EventsOf(const FilterOptions& options,
                                  std::string_view bytes,
                                  std::size_t chunk_bytes = 0);

}  // namespace milter

#endif  // MILLRACE_TESTS_MILTER_SESSION_PROBE_H_
