// Reads, and answers at the end of what was received in a turn.
#include "tools/replay/null_milter.h"

#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <string>
#include <utility>

#include "engine/base/check.h"
#include "milter/replies.h"

namespace replay {
namespace {

constexpr std::size_t kReplyBytes = 64;  // of one reply: OPTNEG without macro lists is 17

milter::FilterOptions AcceptAll() {
  return {
      .actions = 0, .required_actions = 0, .protocol = milter::kNoReplyAll, .macro_lists = nullptr};
}

}  // namespace

class NullMilter::Connection final : public engine::SocketEvents {
 public:
  explicit Connection(NullMilter& owner) : owner_(owner), session_(owner.options_, owner.pool_) {}
  ~Connection() {
    if (id_.generation != 0) owner_.loop_.Close(id_);
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void Open(int fd) { id_ = owner_.loop_.Adopt(fd, *this, engine::ReadMode::kBulk); }
  bool open() const { return id_.generation != 0; }

  void OnBytes(engine::SocketId /*id*/, engine::Bytes bytes) noexcept override {
    session_.Feed(bytes);
    for (;;) {
      const milter::Event event = session_.Next();
      if (event.kind == milter::EventKind::kNeedMore) return;
      OnEvent(event);
    }
  }

  void OnTurnEnd(engine::SocketId /*id*/) noexcept override {
    if (ended_) return Free();
    Flush();
  }

  engine::Drained OnDirect(engine::SocketId /*id*/, engine::DirectSocket&) noexcept override {
    return engine::Drained::kYes;  // never asked for
  }
  void OnWritable(engine::SocketId /*id*/) noexcept override { Flush(); }
  void OnGone(engine::SocketId /*id*/, int /*error*/) noexcept override { Free(); }

 private:
  void OnEvent(const milter::Event& event) {
    switch (event.kind) {
      case milter::EventKind::kQuit:
      case milter::EventKind::kQuitNc: ended_ = true; return;
      case milter::EventKind::kBroken:
        ++owner_.broken_;
        ended_ = true;
        return;
      default: break;
    }
    if (!event.reply_due) return;
    std::array<std::byte, kReplyBytes> reply{};
    milter::ReplyWriter writer(reply, session_.leading_space(), session_.actions());
    if (event.kind == milter::EventKind::kNegotiated) {
      writer.Negotiate(session_.answer());
    } else if (event.kind == milter::EventKind::kEndOfMessage && event.stray) {
      writer.Tempfail();
    } else {
      writer.Continue();
    }
    ENGINE_CHECK(!writer.full());
    output_.append(reinterpret_cast<const char*>(reply.data()), writer.written());
    if (event.kind != milter::EventKind::kEndOfMessage) return;
    ++owner_.messages_;
    session_.VerdictSent();
  }

  void Flush() {
    if (output_.empty()) return;
    const iovec data{.iov_base = output_.data(), .iov_len = output_.size()};
    const engine::IoResult sent = owner_.loop_.Send(id_, {&data, 1});
    if (sent.value > 0) output_.erase(0, static_cast<std::size_t>(sent.value));
  }

  void Free() { owner_.connections_.Free(*this); }

  NullMilter& owner_;
  milter::FilterSession session_;
  engine::SocketId id_;
  std::string output_;  // at most a reply per command received and not read by the peer
  bool ended_ = false;
};

NullMilter::NullMilter(engine::Loop& loop, std::uint32_t connections_max)
    : loop_(loop), options_(AcceptAll()), connections_(connections_max) {}

NullMilter::~NullMilter() {
  connections_.ForEach([this](Connection& connection) { connections_.Free(connection); });
}

void NullMilter::Listen(int fd) {
  loop_.Listen(
      fd,
      [](void* context, int accepted) noexcept {
        static_cast<NullMilter*>(context)->Accept(accepted);
      },
      this);
}

void NullMilter::Accept(int fd) {
  Connection* connection = connections_.Make(*this);
  if (connection == nullptr) {
    ::close(fd);
    return;
  }
  ++sessions_;
  connection->Open(fd);
  if (!connection->open()) connections_.Free(*connection);
}

}  // namespace replay
