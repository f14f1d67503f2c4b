// What a message is told when something fails, by class: the table of the design.
//
//   class                                           default answer
//   (a) kUnreachable   no scanner reachable,        451 4.6.0 Content scanner malfunction
//                      request not sent whole
//   (b) kScanFailed    timed out, broke off, or     the same
//                      nonsense after a whole request
//   (c) kOverload      queue full, waited too long  451 4.3.2 ...
//   (d) kPassing       spool full or stalled, a     452 4.3.1, 451 4.3.1 or 451 4.3.0 ...
//                      limit of ours that passes
//   (e) kMessageLimit  the same message would hit   552 5.3.4 or 550 5.5.3 ...
//                      the limit again
//
// What the operator may make of a class: failure_rules.h; what is made of it: failure_policy.h.
#ifndef MILLRACE_RELAY_FAILURE_H_
#define MILLRACE_RELAY_FAILURE_H_

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace relay {

enum class FailureClass : std::uint8_t {
  kUnreachable,
  kScanFailed,
  kOverload,
  kPassing,
  kMessageLimit
};
inline constexpr std::size_t kFailureClassCount = 5;

constexpr std::string_view FailureClassName(FailureClass failure) noexcept {
  switch (failure) {
    case FailureClass::kUnreachable: return "scanner-unreachable";
    case FailureClass::kScanFailed: return "scan-failed";
    case FailureClass::kOverload: return "overload";
    case FailureClass::kPassing: return "internal";
    case FailureClass::kMessageLimit: return "message-limit";
  }
  return "unknown";
}

// An answer that is not amavisd's. Texts are static and for the SMTP client; the reason goes to the
// log.
struct Refusal {
  FailureClass failure = FailureClass::kPassing;
  std::uint16_t code = 451;
  std::string_view enhanced = "4.3.0";
  std::string_view text;
  std::string_view reason;  // static, for the log and the counters: "spool slots", "recipients"
  bool as_it_is = false;    // whatever the operator has set for the class
};

inline constexpr std::string_view kMalfunctionText = "Content scanner malfunction";

constexpr Refusal UnreachableRefusal(std::string_view reason) noexcept {
  return {FailureClass::kUnreachable, 451, "4.6.0", kMalfunctionText, reason};
}
constexpr Refusal ScanFailedRefusal(std::string_view reason) noexcept {
  return {FailureClass::kScanFailed, 451, "4.6.0", kMalfunctionText, reason};
}
constexpr Refusal OverloadRefusal(std::string_view reason) noexcept {
  return {FailureClass::kOverload,
          451,
          "4.3.2",
          "Content scanner is busy, please try again later",
          reason};
}
// The spool has no room, or no slot.
constexpr Refusal SpoolFullRefusal(std::string_view reason) noexcept {
  return {FailureClass::kPassing,
          452,
          "4.3.1",
          "Insufficient system storage, please try again later",
          reason};
}
constexpr Refusal InternalRefusal(std::string_view reason) noexcept {
  return {FailureClass::kPassing,
          451,
          "4.3.0",
          "Temporary local problem, please try again later",
          reason};
}
// Soon somebody else serves; nothing is to be said for good now.
constexpr Refusal ShuttingDownRefusal() noexcept {
  Refusal refusal = InternalRefusal("shutting down");
  refusal.as_it_is = true;
  return refusal;
}
// The spool's disk does not take what is to be written, in time or at all.
constexpr Refusal StalledRefusal(std::string_view reason) noexcept {
  return {FailureClass::kPassing,
          451,
          "4.3.1",
          "Local storage is slow, please try again later",
          reason};
}
// By the errno of a spool operation.
constexpr Refusal SpoolErrorRefusal(int error) noexcept {
  if (error == ENOBUFS) return StalledRefusal("memory for writes");
  return error == ENOSPC || error == EDQUOT ? SpoolFullRefusal("spool full")
                                            : InternalRefusal("spool error");
}
constexpr Refusal TooManyRecipientsRefusal() noexcept {
  return {FailureClass::kMessageLimit, 550, "5.5.3", "Too many recipients", "recipients"};
}
constexpr Refusal HeaderTooLargeRefusal() noexcept {
  return {FailureClass::kMessageLimit, 552, "5.3.4", "Message header is too large", "header bytes"};
}
constexpr Refusal MessageTooLargeRefusal() noexcept {
  return {FailureClass::kMessageLimit, 552, "5.3.4", "Message is too large", "message bytes"};
}
constexpr Refusal EnvelopeTooLargeRefusal() noexcept {
  return {
      FailureClass::kMessageLimit, 552, "5.3.4", "Message envelope is too large", "envelope bytes"};
}

}  // namespace relay

#endif  // MILLRACE_RELAY_FAILURE_H_
