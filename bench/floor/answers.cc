// Runs the product's encoders at first use.
#include "bench/floor/answers.h"

#include <array>

#include "ampdp/reply.h"
#include "ampdp/request_writer.h"
#include "engine/base/block_pool.h"
#include "engine/base/scratch.h"
#include "engine/base/units.h"
#include "milter/commands.h"
#include "milter/replies.h"
#include "milter/wire.h"
#include "relay/message.h"
#include "relay/verdict_map.h"

namespace millrace_floor {
namespace {

constexpr std::size_t kAnswerBytesMax = 64 * engine::kKiB;
constexpr std::size_t kPoolBytesMax = 64 * engine::kMiB;

std::string_view Written(const milter::ReplyWriter& writer,
                         const engine::Scratch<std::byte, kAnswerBytesMax>& room) {
  return {reinterpret_cast<const char*>(room.data()), writer.written()};
}

}  // namespace

std::string_view Answers::ToOffer(std::string_view payload) {
  if (!offer_.empty() && payload == offer_) return offer_answer_;
  const milter::FilterOptions wanted;
  milter::Offer offer;
  if (!milter::DecodeOffer(payload, &offer)) return {};
  const milter::Negotiation negotiation = milter::Negotiate(offer, wanted);
  if (negotiation.result != milter::NegotiateResult::kAgreed) return {};
  if (negotiation.answer.protocol != wanted.protocol) return {};
  engine::Scratch<std::byte, kAnswerBytesMax> room;
  milter::ReplyWriter writer(room, true);
  writer.Negotiate(negotiation.answer);
  agreed_ = negotiation.answer;
  offer_ = payload;
  offer_answer_ = Written(writer, room);
  return offer_answer_;
}

std::string_view Answers::ToReply(std::span<char> whole) {
  if (!verdict_.empty()) return verdict_;
  engine::Scratch<std::byte, kAnswerBytesMax> room;
  milter::ReplyWriter writer(room, true, agreed_.actions);
  engine::BlockPool blocks(kPoolBytesMax);
  relay::Message message(blocks);
  ampdp::Reply reply;
  const bool whole_reply = ampdp::ParseReply(whole, message.arena, &reply).ok();
  relay::VerdictMap map(message, reply, agreed_.actions, relay::DeleteHeader::kAll);
  if (whole_reply && map.Check().empty()) {
    map.Write(writer);
  } else {
    writer.Tempfail();
  }
  verdict_ = Written(writer, room);
  return verdict_;
}

std::string MakeRequest(const std::string& directory, const std::string& mail_file) {
  const std::array<std::string_view, 1> recipients = {"<bob@lab.test>"};
  const ampdp::Request request = {.queue_id = "4RP0000000",
                                  .protocol_name = "ESMTP",
                                  .sender = "<alice@example.net>",
                                  .recipients = recipients,
                                  .tempdir = directory,
                                  .mail_file = mail_file,
                                  .client_address = "192.0.2.1",
                                  .client_port = 4711,
                                  .client_name = "client.example.net",
                                  .helo_name = "client.example.net"};
  std::string text(ampdp::RequestBytes(request), '\0');
  ampdp::WriteRequest(request, text);
  return text;
}

}  // namespace millrace_floor
