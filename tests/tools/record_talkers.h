// Two ends of connections through a proxy in simulated time: they talk at random, and remember.
//
//   Talker: sends its text in pieces, then ends its sending, or closes before; reads all the while.
//   The text of each begins with its number (8 digits), so that whoever hears it knows who spoke.
// HeardRecorder is a RecorderInput that keeps what it is given.
#ifndef MILLRACE_TESTS_TOOLS_RECORD_TALKERS_H_
#define MILLRACE_TESTS_TOOLS_RECORD_TALKERS_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/sim/sim_world.h"
#include "tools/record/proxy_relay.h"

namespace record {

struct Heard {
  std::string to_filter;
  std::string to_server;
  int closes = 0;
  trace::Ending ending = trace::Ending::kQuit;
  int error = 0;
};

class HeardRecorder final : public RecorderInput {
 public:
  bool on = true;
  std::map<std::uint64_t, Heard> sessions{};
  std::vector<std::pair<trace::ScanRecord, std::string>> scans{};

  bool recording() const noexcept override { return on; }
  std::uint64_t Open(std::uint64_t) noexcept override {
    sessions[++last_];
    return last_;
  }
  void Octets(std::uint64_t session,
              trace::Direction direction,
              engine::Gather parts,
              std::uint64_t) noexcept override {
    Heard& heard = sessions[session];
    const bool to_filter = direction == trace::Direction::kToFilter;
    for (const iovec& part : parts)
      (to_filter ? heard.to_filter : heard.to_server)
          .append(static_cast<const char*>(part.iov_base), part.iov_len);
  }
  void Close(std::uint64_t session,
             trace::Ending ending,
             int error,
             std::uint64_t) noexcept override {
    Heard& heard = sessions[session];
    ++heard.closes;
    heard.ending = ending;
    heard.error = error;
  }
  void Scan(trace::ScanRecord&& record, std::shared_ptr<MessageCopy> copy) noexcept override {
    scans.emplace_back(std::move(record), copy != nullptr ? copy->content() : std::string());
  }

 private:
  std::uint64_t last_ = 0;
};

class Talker final : public engine::SocketEvents {
 public:
  static constexpr std::size_t kNameBytes = 8;

  // `leaves_after`: closes when it has sent that many octets; SIZE_MAX: never early.
  Talker(sim::SimWorld& world, sim::SimLoop& loop, int number, std::string text)
      : world_(&world), loop_(&loop), text_(std::move(text)) {
    std::string name = std::to_string(number);
    name.insert(0, kNameBytes - name.size(), '0');
    text_.insert(0, name);
  }
  std::size_t leaves_after = SIZE_MAX;
  std::size_t piece_max = 4096;
  bool answers_only = false;  // ends its sending when the other has

  void Adopt(int fd) { id_ = loop_->Adopt(fd, *this, engine::ReadMode::kSmall), SendSome(); }
  bool Connect(const engine::Address& to) {
    over_ = !loop_->Connect(to, *this, &id_).ok();
    return !over_;
  }

  const std::string& text() const { return text_; }
  const std::string& heard() const { return heard_; }
  std::size_t sent() const { return sent_; }
  bool over() const { return over_; }
  bool heard_end() const { return heard_end_; }
  int error() const { return error_; }

  void OnBytes(engine::SocketId, engine::Bytes bytes) noexcept override {
    heard_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  void OnTurnEnd(engine::SocketId) noexcept override {}
  engine::Drained OnDirect(engine::SocketId, engine::DirectSocket&) noexcept override {
    return engine::Drained::kYes;
  }
  void OnWritable(engine::SocketId) noexcept override { SendSome(); }
  void OnGone(engine::SocketId, int error) noexcept override {
    if (error != 0) return Leave(error);
    heard_end_ = true;
    if (answers_only) EndIfSent();
    if (ended_) Leave(0);
  }

 private:
  // One piece, and the next a little later.
  void SendSome() {
    if (over_ || ended_) return;
    const std::size_t most = std::min(text_.size() - sent_, piece_max);
    const std::size_t take =
        most == 0 ? 0 : static_cast<std::size_t>(world_->random().Between(1, most));
    const iovec piece{text_.data() + sent_, take};
    const engine::IoResult result = loop_->Send(id_, {&piece, 1});
    if (!result.ok()) return Leave(result.error);
    sent_ += static_cast<std::size_t>(result.value);
    if (sent_ >= leaves_after) return Leave(0);
    if (sent_ == text_.size() && !answers_only) EndIfSent();
    if (sent_ == text_.size() && answers_only && heard_end_) EndIfSent();
    if (static_cast<std::size_t>(result.value) < take || over_ || ended_) return;
    const engine::Time pause =
        world_->random().Between(engine::Time(1), std::chrono::milliseconds(2));
    world_->At(world_->now() + pause, [this] { SendSome(); });
  }
  void EndIfSent() {
    if (sent_ < text_.size() || ended_) return;
    ended_ = true;
    loop_->EndSending(id_);
    if (heard_end_) Leave(0);
  }
  void Leave(int error) {
    if (over_) return;
    over_ = true;
    error_ = error;
    loop_->Close(id_);
  }

  sim::SimWorld* world_;
  sim::SimLoop* loop_;
  std::string text_;
  engine::SocketId id_{};
  std::string heard_;
  std::size_t sent_ = 0;
  bool heard_end_ = false;
  bool ended_ = false;
  bool over_ = false;
  int error_ = 0;
};

}  // namespace record

#endif  // MILLRACE_TESTS_TOOLS_RECORD_TALKERS_H_
