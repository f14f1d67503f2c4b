// Reads a whole request as a scanner gets it; the other end of request_writer.h.
//
//   read into buffer -> RequestReader::Scan(buffer) -> kComplete: ParseRequest(the block)
//
// Source: amavisd 2.13 In/AMPDP.pm preprocess_policy_query(). amavisd overlooks a line without "="
//         and takes "request" anywhere; here both are faults, for the use is to test clients.
// Serves the built-in scanner and the tests. `release`, `requeue` and `report` requests are read
// as far as the attributes are the same; mail_id and the like count as unknown.
// No sockets, no clock, no heap: values are decoded inside the caller's buffer, the recipients'
// list comes from the caller's arena.
#ifndef MILLRACE_AMPDP_REQUEST_READER_H_
#define MILLRACE_AMPDP_REQUEST_READER_H_

#include <cstdint>
#include <span>
#include <string_view>

#include "ampdp/framing.h"
#include "ampdp/request_writer.h"
#include "engine/base/arena.h"

namespace ampdp {

using RequestLimits = BlockLimits;
using RequestReader = BlockReader;

// Views point into the buffer given to ParseRequest() and into its arena.
struct ReceivedRequest {
  std::string_view request{};        // "AM.PDP"; others are for the caller to refuse
  std::uint32_t version_client = 0;  // 0: not sent
  Request facts{};
  bool tempdir_removed_by_client = false;
  std::uint32_t unknown_attributes = 0;
  std::string_view first_unknown{};  // name of the first one, decoded; hostile
};

enum class RequestFault : std::uint8_t {
  kNone,
  kNoEmptyLine,
  kBytesAfterEnd,
  kNoEquals,
  kNoName,
  kBadEscape,
  kRequestNotFirst,   // the first attribute is not `request`
  kTwice,             // an attribute other than recipient is repeated
  kBadNumber,         // client_port above 65535, version_client no number
  kBadCare,           // delivery_care_of or tempdir_removed_by is neither client nor server
  kTooManyRecipients  // the arena has no room for the list
};

struct RequestError {
  RequestFault fault = RequestFault::kNone;
  std::uint32_t line = 0;    // from 1
  std::uint32_t column = 0;  // byte in that line as it was received, from 1

  bool ok() const noexcept { return fault == RequestFault::kNone; }
};

// Parses one whole block, its empty line included. Decodes in place: `whole` is changed, and must
// live as long as `*request`.
[[nodiscard]] RequestError ParseRequest(std::span<char> whole,
                                        engine::Arena& arena,
                                        ReceivedRequest* request) noexcept;

// What the fault is, as a phrase. Static.
[[nodiscard]] const char* RequestFaultText(RequestFault fault) noexcept;

}  // namespace ampdp

#endif  // MILLRACE_AMPDP_REQUEST_READER_H_
