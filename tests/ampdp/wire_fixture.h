// What the tests of both readers need: a pool, an arena, and buffers that may be decoded in place.
#ifndef MILLRACE_TESTS_AMPDP_WIRE_FIXTURE_H_
#define MILLRACE_TESTS_AMPDP_WIRE_FIXTURE_H_

#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "ampdp/reply.h"
#include "ampdp/request_reader.h"
#include "engine/base/arena.h"

namespace ampdp {

// One reply parsed, with everything it points into.
struct ParsedReply {
  explicit ParsedReply(std::string_view wire, std::size_t arena_bytes = 4 * engine::kMiB)
      : pool(8 * engine::kMiB), arena(pool, arena_bytes), buffer(wire) {
    error = ParseReply(buffer, arena, &reply);
  }
  engine::BlockPool pool;
  engine::Arena arena;
  std::string buffer;
  Reply reply{};
  ReplyError error{};
};

// One request parsed, with everything it points into.
struct ParsedRequest {
  explicit ParsedRequest(std::string_view wire, std::size_t arena_bytes = 4 * engine::kMiB)
      : pool(8 * engine::kMiB), arena(pool, arena_bytes), buffer(wire) {
    error = ParseRequest(buffer, arena, &request);
  }
  engine::BlockPool pool;
  engine::Arena arena;
  std::string buffer;
  ReceivedRequest request{};
  RequestError error{};
};

}  // namespace ampdp

#endif  // MILLRACE_TESTS_AMPDP_WIRE_FIXTURE_H_
