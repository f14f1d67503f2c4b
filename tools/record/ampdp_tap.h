// One AM.PDP connection as it passes: requests with their replies, and the message of each.
//
//   kRequest --empty line--> kReply --empty line--> kRequest ...      one ScanRecord per exchange
//      '-- too long, a reply without a request --> kLost: forwarded, counted, not recorded
//
// The request is parsed on a copy when it is whole (ampdp/request_reader.h); the message that it
// names is then copied by the reader's thread. Before the first octet of the reply goes on, a copy
// that is not complete is given up: Captured::kLate.
// Limits: ampdp::kBlockBytesMax for a request, and for a reply.
#ifndef MILLRACE_TOOLS_RECORD_AMPDP_TAP_H_
#define MILLRACE_TOOLS_RECORD_AMPDP_TAP_H_

#include <cstdint>
#include <memory>
#include <string>

#include "ampdp/request_reader.h"
#include "engine/base/arena.h"
#include "tools/record/proxy_tap.h"

namespace record {

// Shared by the taps of a loop.
struct ScanWorld {
  RecorderInput* recorder = nullptr;
  MessageCopier* copier = nullptr;
  engine::BlockPool* pool = nullptr;  // for parsing
  std::uint64_t lost = 0;             // exchanges that were not understood
};

class AmpdpTap final : public ProxyTap {
 public:
  AmpdpTap(ScanWorld& world, std::uint64_t time_us) noexcept;
  ~AmpdpTap() override;

  void OnForward(trace::Direction direction) noexcept override;
  void OnOctets(trace::Direction direction,
                engine::Gather parts,
                std::uint64_t time_us) noexcept override;
  void OnEnd(trace::Ending ending, int error, std::uint64_t time_us) noexcept override;
  bool recording() const noexcept override { return world_.recorder->recording(); }

 private:
  enum class Phase : std::uint8_t { kRequest, kReply, kLost };

  void ReadRequest(std::uint64_t time_us) noexcept;
  void StartCopy() noexcept;
  void ReadReply(std::uint64_t time_us) noexcept;
  void Emit(std::string&& request, std::string&& reply, std::uint64_t time_us) noexcept;
  void Lose() noexcept;

  ScanWorld& world_;
  Phase phase_ = Phase::kRequest;
  std::uint64_t time_us_;  // when the client connected, or the exchange before this one was over
  std::uint64_t request_us_ = 0;
  ampdp::RequestReader request_reader_;
  ampdp::BlockReader reply_reader_;
  std::string request_;  // of this exchange, and what came behind it
  std::string reply_;
  std::shared_ptr<MessageCopy> copy_;  // nullptr: nothing to copy
};

}  // namespace record

#endif  // MILLRACE_TOOLS_RECORD_AMPDP_TAP_H_
