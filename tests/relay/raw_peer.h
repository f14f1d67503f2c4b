// A mail server that sends what the test writes, packet by packet or octet by octet, and the
// fixture around it: one shard, a simulated scanner.
//
// Packets are written as text, "M<a@b>\0" for MAIL, and read back likewise.
#ifndef MILLRACE_TESTS_RELAY_RAW_PEER_H_
#define MILLRACE_TESTS_RELAY_RAW_PEER_H_

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "tests/relay/scenario.h"

namespace relay_sim {

class RawPeer final : public engine::SocketEvents {
 public:
  RawPeer(engine::Loop& loop, const engine::Address& to) : loop_(loop) {
    EXPECT_TRUE(loop.Connect(to, *this, &id_).ok());
  }
  ~RawPeer() {
    if (!gone_) loop_.Close(id_);
  }
  RawPeer(const RawPeer&) = delete;
  RawPeer& operator=(const RawPeer&) = delete;

  void Send(const std::string& packet) { SendPart(Packet(packet)); }
  // The replies so far: codes, and the text of REPLYCODE.
  std::string replies() const {
    std::string text;
    for (std::size_t at = 0; at + 4 < got_.size();) {
      const auto length = static_cast<std::size_t>(static_cast<unsigned char>(got_[at + 2])) * 256 +
                          static_cast<unsigned char>(got_[at + 3]);
      text += got_[at + 4];
      if (got_[at + 4] == 'y') text += "(" + got_.substr(at + 5, length - 2) + ")";
      at += 4 + length;
    }
    return text;
  }
  bool gone() const { return gone_; }
  // A mail server that does not read, or reads again.
  void Read(bool on) {
    loop_.SetReadMode(id_, on ? engine::ReadMode::kSmall : engine::ReadMode::kPaused);
  }
  void SendPart(const std::string& stream) {
    const iovec piece{const_cast<char*>(stream.data()), stream.size()};
    EXPECT_EQ(loop_.Send(id_, {&piece, 1}).value, static_cast<std::int64_t>(stream.size()));
  }
  static std::string Packet(const std::string& packet) {
    std::string bytes(4, '\0');
    bytes[2] = static_cast<char>(packet.size() >> 8U);
    bytes[3] = static_cast<char>(packet.size() & 0xffU);
    return bytes + packet;
  }

  void OnBytes(engine::SocketId, engine::Bytes bytes) noexcept override {
    got_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  void OnTurnEnd(engine::SocketId) noexcept override {}
  engine::Drained OnDirect(engine::SocketId, engine::DirectSocket&) noexcept override {
    return engine::Drained::kYes;
  }
  void OnWritable(engine::SocketId) noexcept override {}
  void OnGone(engine::SocketId, int) noexcept override {
    gone_ = true;
    loop_.Close(id_);
  }

 private:
  engine::Loop& loop_;
  engine::SocketId id_{};
  std::string got_;
  bool gone_ = false;
};

// Version 2 offers no NR bits: every command is answered.
inline constexpr std::string_view kOfferVersion2{"O\0\0\0\2\0\0\0\x3f\0\0\0\x7f", 13};
inline constexpr std::string_view kOfferVersion6{"O\0\0\0\6\0\0\1\xff\0\x1f\xff\xff", 13};

class RelayProtocolTest : public testing::Test {
 protected:
  RelayProtocolTest()
      : RelayProtocolTest({.shards = 1, .scanner = Calm(std::chrono::seconds(5))}) {}
  explicit RelayProtocolTest(const WorldOptions& options) : relay_(7, options) {
    peer_ = std::make_unique<RawPeer>(relay_.peer_loop(), relay_.milter_address());
    Wait(std::chrono::seconds(1));
  }
  void TearDown() override {
    peer_.reset();
    for (const std::string& what : relay_.Finish())
      ADD_FAILURE() << what;
  }
  void Wait(engine::Time time) { relay_.world().Run(relay_.world().now() + time); }
  // Sends, one by one, and waits for what comes.
  void Play(std::initializer_list<std::string> packets) {
    for (const std::string& packet : packets) {
      if (peer_->gone()) return;
      peer_->Send(packet);
      Wait(std::chrono::milliseconds(20));
    }
  }
  void EnterMessage(const std::string& queue_id) {
    relay_.ledger()[queue_id].content = "Subject: x\n\nbody\n";
  }

  RelayWorld relay_;
  std::unique_ptr<RawPeer> peer_;
};

}  // namespace relay_sim

#endif  // MILLRACE_TESTS_RELAY_RAW_PEER_H_
