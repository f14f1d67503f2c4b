// Fuzzes the content check of the built-in scanner: any octets as a message.
//
// Checks: it ends; what stands in plain text is found.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/check.h"
#include "tools/scanner/message_scan.h"
#include "tools/scanner/signatures.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::string eicar = scanner::EicarSignature();
  static scanner::MessageScan scan;
  const std::string_view message(reinterpret_cast<const char*>(data), size);
  const scanner::Findings findings = scan.Run(message);
  if (message.find(eicar) != std::string_view::npos) ENGINE_CHECK(findings.eicar);
  if (findings.subject) ENGINE_CHECK(findings.subject->size() <= size);
  return 0;
}
