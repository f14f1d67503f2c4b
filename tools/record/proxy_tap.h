// What the forwarding tells of one connection, and to whom the copies go: the seam between the
// sockets and the recording.
//
//   ProxyLink --octets, as they passed--> ProxyTap --> RecorderInput (the recorder's queue)
//
// All calls come from the loop's thread and must not block. A tap lives as long as its link.
#ifndef MILLRACE_TOOLS_RECORD_PROXY_TAP_H_
#define MILLRACE_TOOLS_RECORD_PROXY_TAP_H_

#include <cstdint>
#include <memory>

#include "engine/io/loop.h"
#include "tools/record/ampdp_copy.h"
#include "tools/trace/record.h"

namespace record {

class ProxyTap {
 public:
  // Octets of that direction are about to be sent on: the last moment before.
  virtual void OnForward(trace::Direction direction) noexcept = 0;
  // They were sent on, or are kept for it. False from recording(): they need not be shown.
  virtual void OnOctets(trace::Direction direction,
                        engine::Gather parts,
                        std::uint64_t time_us) noexcept = 0;
  // The last call. `error`: errno of a broken connection, else 0.
  virtual void OnEnd(trace::Ending ending, int error, std::uint64_t time_us) noexcept = 0;
  virtual bool recording() const noexcept = 0;
  virtual ~ProxyTap() = default;

 protected:
  ProxyTap() = default;
  ProxyTap(const ProxyTap&) = default;
  ProxyTap& operator=(const ProxyTap&) = default;
};

// Where copies go. Never blocks, never fails: when the recording has ended it takes no more.
class RecorderInput {
 public:
  virtual bool recording() const noexcept = 0;
  // A session begins; answers its number, also when nothing is recorded any more.
  virtual std::uint64_t Open(std::uint64_t time_us) noexcept = 0;
  virtual void Octets(std::uint64_t session,
                      trace::Direction direction,
                      engine::Gather parts,
                      std::uint64_t time_us) noexcept = 0;
  virtual void Close(std::uint64_t session,
                     trace::Ending ending,
                     int error,
                     std::uint64_t time_us) noexcept = 0;
  // `copy`: of the message, in no other hands any more; nullptr: there is none.
  virtual void Scan(trace::ScanRecord&& record, std::shared_ptr<MessageCopy> copy) noexcept = 0;

 protected:
  ~RecorderInput() = default;
};

// A MILTER connection: everything goes to the recorder as it is.
class SessionTap final : public ProxyTap {
 public:
  SessionTap(RecorderInput& recorder, std::uint64_t time_us) noexcept
      : recorder_(recorder), session_(recorder.Open(time_us)) {}
  void OnForward(trace::Direction /*direction*/) noexcept override {}
  void OnOctets(trace::Direction direction,
                engine::Gather parts,
                std::uint64_t time_us) noexcept override {
    recorder_.Octets(session_, direction, parts, time_us);
  }
  void OnEnd(trace::Ending ending, int error, std::uint64_t time_us) noexcept override {
    recorder_.Close(session_, ending, error, time_us);
  }
  bool recording() const noexcept override { return recorder_.recording(); }

 private:
  RecorderInput& recorder_;
  std::uint64_t session_;
};

}  // namespace record

#endif  // MILLRACE_TOOLS_RECORD_PROXY_TAP_H_
