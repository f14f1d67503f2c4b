// Fills a message's arena.
#include "relay/message.h"

#include "milter/wire.h"

namespace relay {

bool Message::SetMacro(Macro macro, std::string_view value) noexcept {
  const std::string_view copy = arena.Copy(value);
  if (copy.data() == nullptr) return false;
  macros[static_cast<std::size_t>(macro)] = copy;
  return true;
}

void Message::KeepMacro(Macro macro, std::string_view value) noexcept {
  if (Get(macro) != value && !SetMacro(macro, value)) Refuse(EnvelopeNoRoomRefusal());
}

Refusal Message::NoRoomRefusal(std::size_t bytes, const Refusal& limit) const noexcept {
  const bool at_limit = bytes > engine::BlockPool::kBlockMaxBytes ||
                        arena.bytes() + bytes + engine::Arena::kChunkBytes > kArenaBytesMax;
  return at_limit ? limit : InternalRefusal("memory");
}

Refusal Message::EnvelopeNoRoomRefusal() const noexcept {
  return NoRoomRefusal(milter::kPayloadMaxBytes, EnvelopeTooLargeRefusal());
}

bool Message::SetSender(std::string_view address) noexcept {
  sender = arena.Copy(address);
  return sender.data() != nullptr;
}

bool Message::AddRecipient(std::string_view address, std::string_view args) noexcept {
  auto* recipient = arena.Make<Recipient>();
  if (recipient == nullptr) return false;
  recipient->address = arena.Copy(address);
  recipient->args = args.empty() ? std::string_view() : arena.Copy(args);
  if (recipient->address.data() == nullptr ||
      (!args.empty() && recipient->args.data() == nullptr)) {
    return false;
  }
  (last_recipient == nullptr ? recipients : last_recipient->next) = recipient;
  last_recipient = recipient;
  ++recipient_count;
  return true;
}

bool Message::AddHeaderName(std::string_view name) noexcept {
  auto* header = arena.Make<HeaderName>();
  if (header == nullptr) return false;
  header->name = arena.Copy(name);
  if (header->name.data() == nullptr) return false;
  (last_header == nullptr ? headers : last_header->next) = header;
  last_header = header;
  return true;
}

}  // namespace relay
