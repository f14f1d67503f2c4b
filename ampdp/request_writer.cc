// Walks over the attributes once for the length and once for the bytes, by the same code.
#include "ampdp/request_writer.h"

#include "ampdp/attribute.h"
#include "ampdp/sink.h"

namespace ampdp {
namespace {

template <typename Sink>
void Always(Sink& sink, std::string_view name_equals, std::string_view value) noexcept {
  sink.Raw(name_equals);
  sink.Encoded(value);
  sink.Raw("\n");
}

template <typename Sink>
void IfKnown(Sink& sink, std::string_view name_equals, std::string_view value) noexcept {
  if (!value.empty()) Always(sink, name_equals, value);
}

template <typename Sink>
void Address(Sink& sink, std::string_view name_equals, std::string_view address) noexcept {
  const bool bracketed = address.size() >= 2 && address.front() == '<' && address.back() == '>';
  sink.Raw(name_equals);
  if (!bracketed) sink.Encoded("<");
  sink.Encoded(address);
  if (!bracketed) sink.Encoded(">");
  sink.Raw("\n");
}

template <typename Sink>
void Walk(const Request& request, Sink& sink) noexcept {
  Always(sink, "request=", "AM.PDP");
  Always(sink, "version_client=", Decimal(kClientVersion).text());
  IfKnown(sink, "queue_id=", request.queue_id);
  IfKnown(sink, "protocol_name=", request.protocol_name);
  if (!request.sender.empty()) Address(sink, "sender=", request.sender);
  for (const std::string_view recipient : request.recipients)
    Address(sink, "recipient=", recipient);
  IfKnown(sink, "tempdir=", request.tempdir);
  // Without a folder too: amavisd would otherwise try to remove the message's file.
  Always(sink, "tempdir_removed_by=", "client");
  IfKnown(sink, "mail_file=", request.mail_file);
  const bool server = request.delivery_care_of == DeliveryCare::kServer;
  Always(sink, "delivery_care_of=", server ? "server" : "client");
  IfKnown(sink, "client_address=", request.client_address);
  if (request.client_port != 0) Always(sink, "client_port=", Decimal(request.client_port).text());
  IfKnown(sink, "client_name=", request.client_name);
  IfKnown(sink, "helo_name=", request.helo_name);
  IfKnown(sink, "policy_bank=", request.policy_bank);
  sink.Raw("\n");
}

}  // namespace

std::size_t RequestBytes(const Request& request) noexcept {
  CountingSink<Coding::kClient> counter;
  Walk(request, counter);
  return counter.bytes();
}

std::size_t WriteRequest(const Request& request, std::span<char> to) noexcept {
  WritingSink<Coding::kClient> writer(to);  // checks the room
  Walk(request, writer);
  return static_cast<std::size_t>(writer.end() - to.data());
}

}  // namespace ampdp
