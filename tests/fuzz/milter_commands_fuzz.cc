// libFuzzer: one payload into every command decoder; all views must lie inside the payload.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <string_view>

#include "milter/commands.h"
#include "milter/macros.h"
#include "milter/negotiate.h"

namespace {

void MustLieInside(std::string_view part, std::string_view payload) {
  if (part.empty()) return;
  const std::less_equal<const char*> not_after;
  if (!not_after(payload.data(), part.data()) ||
      !not_after(part.data() + part.size(), payload.data() + payload.size())) {
    std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view payload(reinterpret_cast<const char*>(data), size);
  milter::ConnectCommand connect;
  if (milter::DecodeConnect(payload, &connect)) {
    MustLieInside(connect.host, payload);
    MustLieInside(connect.client.address, payload);
    if (connect.client.family != milter::Family::kUnix &&
        connect.client.address.find_first_of("\r\n ") != std::string_view::npos) {
      std::abort();
    }
  }
  milter::AddressCommand address;
  if (milter::DecodeAddress(payload, &address)) {
    MustLieInside(address.address, payload);
    MustLieInside(address.arguments, payload);
    milter::EsmtpReader reader(address.arguments);
    std::string_view argument;
    while (reader.Next(&argument))
      MustLieInside(argument, payload);
  }
  milter::HeaderCommand header;
  if (milter::DecodeHeader(payload, &header)) {
    if (header.name.empty()) std::abort();
    MustLieInside(header.name, payload);
    MustLieInside(header.value, payload);
  }
  MustLieInside(milter::DecodeText(payload), payload);
  milter::MacroReader macros(payload);
  milter::Macro macro;
  while (macros.Next(&macro)) {
    MustLieInside(macro.name, payload);
    MustLieInside(macro.value, payload);
  }
  return 0;
}
