// A socket owner that writes down what it hears, checks the order, and does what a test asks.
#ifndef MILLRACE_TESTS_ENGINE_RECORDER_H_
#define MILLRACE_TESTS_ENGINE_RECORDER_H_

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "engine/io/loop.h"

namespace engine {

struct Recorder : SocketEvents {
  std::string bytes;  // taken at the end of each turn: until then the spans must live
  std::size_t largest_turn = 0;
  int turn_ends = 0;
  int directs = 0;
  int writables = 0;
  int gones = 0;
  int gone_error = -1;
  SocketId id;  // of the last callback

  // Called at the end of the callback, if set.
  std::function<void(SocketId)> in_bytes;
  std::function<void(SocketId)> in_turn_end;
  std::function<Drained(SocketId, DirectSocket&)> in_direct;
  std::function<void(SocketId)> in_writable;
  std::function<void(SocketId)> in_gone;

  virtual ~Recorder() = default;  // a test's own kind deletes itself

  void OnBytes(SocketId socket, Bytes data) noexcept override {
    EXPECT_FALSE(data.empty());
    EXPECT_EQ(gones, 0) << "bytes after the end";
    id = socket;
    spans_.push_back(data);
    if (in_bytes) in_bytes(socket);
  }
  void OnTurnEnd(SocketId socket) noexcept override {
    EXPECT_FALSE(spans_.empty()) << "a turn without bytes";
    id = socket;
    std::size_t turn = 0;
    for (const Bytes span : spans_) {
      bytes.append(reinterpret_cast<const char*>(span.data()), span.size());
      turn += span.size();
    }
    spans_.clear();
    largest_turn = turn > largest_turn ? turn : largest_turn;
    ++turn_ends;
    if (in_turn_end) in_turn_end(socket);
  }
  Drained OnDirect(SocketId socket, DirectSocket& direct) noexcept override {
    EXPECT_EQ(gones, 0);
    id = socket;
    ++directs;
    return in_direct ? in_direct(socket, direct) : Drained::kYes;
  }
  void OnWritable(SocketId socket) noexcept override {
    id = socket;
    ++writables;
    if (in_writable) in_writable(socket);
  }
  void OnGone(SocketId socket, int error) noexcept override {
    EXPECT_TRUE(spans_.empty()) << "the end before OnTurnEnd";
    id = socket;
    ++gones;
    gone_error = error;
    if (in_gone) in_gone(socket);
  }

  int callbacks() const { return turn_ends + directs + writables + gones; }

 private:
  std::vector<Bytes> spans_;
};

// Sends all of `text` or fails the test.
inline void SendAll(Loop& loop, SocketId id, std::string_view text) {
  const iovec part{const_cast<char*>(text.data()), text.size()};
  const IoResult sent = loop.Send(id, {&part, 1});
  EXPECT_EQ(sent.error, 0);
  EXPECT_EQ(sent.value, static_cast<std::int64_t>(text.size()));
}

// Bytes that tell a wrong place from a right one.
inline std::string Pattern(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i)
    text[i] = static_cast<char>((i * 131 + (i >> 8) * 17 + (i >> 16)) & 0xFF);
  return text;
}

}  // namespace engine

#endif  // MILLRACE_TESTS_ENGINE_RECORDER_H_
