// Fuzzes the scanner's end: a request parsed and written again parses to the same.
//
// Input:  the request as it came.
// Checks: what parses was framed as complete; facts survive write and parse (brackets around
//         addresses are added once).
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "ampdp/request_reader.h"
#include "ampdp/request_writer.h"
#include "engine/base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view wire(reinterpret_cast<const char*>(data), size);
  ampdp::RequestReader reader;
  const ampdp::BlockStatus status = reader.Scan(wire);

  engine::BlockPool pool(engine::kMiB);
  engine::Arena arena(pool, engine::kMiB);
  std::string buffer(wire);
  ampdp::ReceivedRequest request;
  const ampdp::RequestError error = ampdp::ParseRequest(buffer, arena, &request);
  if (!error.ok()) {
    ENGINE_CHECK(error.line >= 1 && error.column >= 1);
    return 0;
  }
  ENGINE_CHECK(status == ampdp::BlockStatus::kComplete);
  std::string written(ampdp::RequestBytes(request.facts), '\0');
  ENGINE_CHECK(ampdp::WriteRequest(request.facts, written) == written.size());
  std::string second(written);
  ampdp::ReceivedRequest again;
  ENGINE_CHECK(ampdp::ParseRequest(second, arena, &again).ok());
  ENGINE_CHECK(again.facts.queue_id == request.facts.queue_id);
  ENGINE_CHECK(again.facts.mail_file == request.facts.mail_file);
  ENGINE_CHECK(again.facts.client_port == request.facts.client_port);
  ENGINE_CHECK(again.facts.recipients.size() == request.facts.recipients.size());
  std::string third(ampdp::RequestBytes(again.facts), '\0');
  ampdp::WriteRequest(again.facts, third);
  ENGINE_CHECK(third == written);
  return 0;
}
