// libFuzzer: any octets as a message, as its JSON, as a table of envelopes: an error or a message
// that can be written and read again.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "tools/record/envelope_table.h"
#include "tools/record/import_message.h"
#include "tools/record/message_json.h"

namespace {

// What went out comes back in.
void CheckRoundTrip(const record::ImportedMessage& message) {
  record::MessageJsonOptions options;
  const std::string text = record::MessageText(message.transaction, &options.exact);
  record::FoundMessage found;
  found.octets = text;
  found.envelope_json = record::MessageJson(message, options);
  const auto again = record::MakeImported(std::move(found), {}, nullptr);
  if (!again.ok()) std::abort();
  if (again->transaction.body != message.transaction.body) std::abort();
  if (again->transaction.headers.size() != message.transaction.headers.size()) std::abort();
  if (again->transaction.recipients.size() != message.transaction.recipients.size()) std::abort();
  if (again->transaction.sender.address != message.transaction.sender.address) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] % 3 == 0) {
    static_cast<void>(record::EnvelopeTable::Parse(text));
    return 0;
  }
  record::FoundMessage found;
  found.name = "1.eml";
  // A message and its JSON, with a NUL between them.
  const std::size_t nul = data[0] % 3 == 1 ? std::string::npos : text.find('\0');
  found.octets = text.substr(0, nul);
  if (nul != std::string::npos) found.envelope_json = text.substr(nul + 1);
  // No fuzzing of how long a body may be filled up.
  if (found.envelope_json && found.envelope_json->find("body_bytes") != std::string::npos) return 0;
  const auto message = record::MakeImported(std::move(found), {}, nullptr);
  if (message.ok()) CheckRoundTrip(*message);
  return 0;
}
