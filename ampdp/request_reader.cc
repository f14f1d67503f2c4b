// Reads a request line by line; the faults are in the header.
#include "ampdp/request_reader.h"

#include <algorithm>
#include <array>
#include <bitset>

#include "ampdp/line_cursor.h"

namespace ampdp {
namespace {

static_assert(kAttributesMax * sizeof(std::string_view) < engine::BlockPool::kBlockMaxBytes);

enum class Attribute : std::uint8_t {
  kRequest,
  kVersionClient,
  kQueueId,
  kProtocolName,
  kSender,
  kRecipient,
  kTempdir,
  kTempdirRemovedBy,
  kMailFile,
  kDeliveryCareOf,
  kClientAddress,
  kClientPort,
  kClientName,
  kHeloName,
  kPolicyBank,
  kUnknown,
};

// In the order of Attribute.
constexpr std::array<std::string_view, 15> kAttributeNames = {
    "request",
    "version_client",
    "queue_id",
    "protocol_name",
    "sender",
    "recipient",
    "tempdir",
    "tempdir_removed_by",
    "mail_file",
    "delivery_care_of",
    "client_address",
    "client_port",
    "client_name",
    "helo_name",
    "policy_bank",
};
static_assert(kAttributeNames.size() == static_cast<std::size_t>(Attribute::kUnknown));

class Parser {
 public:
  Parser(std::span<char> whole, engine::Arena& arena, ReceivedRequest& request) noexcept
      : whole_(whole), lines_(whole), arena_(arena), request_(request) {}

  RequestError Run() noexcept;

 private:
  RequestError Line(Attribute attribute) noexcept;
  RequestError Store(Attribute attribute, std::string_view value) noexcept;
  RequestError AddRecipient(std::string_view address) noexcept;
  RequestError Care(std::string_view value, bool* client) const noexcept;
  RequestError Fault(RequestFault fault, std::uint32_t column) const noexcept {
    return {.fault = fault, .line = lines_.line_number(), .column = column};
  }
  RequestError LineFault(LineStep step) const noexcept;

  std::span<char> whole_;
  LineCursor lines_;
  engine::Arena& arena_;
  ReceivedRequest& request_;
  std::bitset<kAttributeNames.size()> seen_;
  std::span<std::string_view> recipients_;
  std::size_t recipient_count_ = 0;
};

Attribute AttributeOf(std::string_view name) noexcept {
  const auto* found = std::find(kAttributeNames.begin(), kAttributeNames.end(), name);
  return static_cast<Attribute>(found - kAttributeNames.begin());
}

RequestError Parser::Run() noexcept {
  request_ = ReceivedRequest{};
  for (;;) {
    const LineStep step = lines_.Next();
    if (step == LineStep::kEnd) {
      if (!seen_[0]) return Fault(RequestFault::kRequestNotFirst, 1);
      request_.facts.recipients = recipients_.first(recipient_count_);
      return {};
    }
    if (step != LineStep::kLine) return LineFault(step);
    const RequestError error = Line(AttributeOf(lines_.name()));
    if (!error.ok()) return error;
  }
}

RequestError Parser::Line(Attribute attribute) noexcept {
  if (lines_.line_number() == 1 && attribute != Attribute::kRequest)
    return Fault(RequestFault::kRequestNotFirst, 1);
  if (attribute == Attribute::kUnknown) {
    if (request_.unknown_attributes++ == 0) request_.first_unknown = lines_.name();
    return {};
  }
  const auto index = static_cast<std::size_t>(attribute);
  if (seen_[index] && attribute != Attribute::kRecipient) return Fault(RequestFault::kTwice, 1);
  seen_.set(index);
  const Decoded value = DecodeInPlace(lines_.value());
  if (!value.ok()) {
    return Fault(RequestFault::kBadEscape,
                 lines_.column() + static_cast<std::uint32_t>(value.bad_at));
  }
  return Store(attribute, value.text);
}

RequestError Parser::Store(Attribute attribute, std::string_view value) noexcept {
  Request& facts = request_.facts;
  bool client = true;
  RequestError error;
  switch (attribute) {
    case Attribute::kRequest: request_.request = value; break;
    case Attribute::kVersionClient:
      if (!ParseNumber(value, UINT32_MAX, &request_.version_client))
        return Fault(RequestFault::kBadNumber, lines_.column());
      break;
    case Attribute::kQueueId: facts.queue_id = value; break;
    case Attribute::kProtocolName: facts.protocol_name = value; break;
    case Attribute::kSender: facts.sender = value; break;
    case Attribute::kRecipient: return AddRecipient(value);
    case Attribute::kTempdir: facts.tempdir = value; break;
    case Attribute::kTempdirRemovedBy: return Care(value, &request_.tempdir_removed_by_client);
    case Attribute::kMailFile: facts.mail_file = value; break;
    case Attribute::kDeliveryCareOf:
      error = Care(value, &client);
      facts.delivery_care_of = client ? DeliveryCare::kClient : DeliveryCare::kServer;
      break;
    case Attribute::kClientAddress: facts.client_address = value; break;
    case Attribute::kClientPort: {
      std::uint32_t port = 0;
      if (!ParseNumber(value, UINT16_MAX, &port))
        return Fault(RequestFault::kBadNumber, lines_.column());
      facts.client_port = static_cast<std::uint16_t>(port);
      break;
    }
    case Attribute::kClientName: facts.client_name = value; break;
    case Attribute::kHeloName: facts.helo_name = value; break;
    case Attribute::kPolicyBank: facts.policy_bank = value; break;
    case Attribute::kUnknown: break;
  }
  return error;
}

RequestError Parser::AddRecipient(std::string_view address) noexcept {
  if (recipients_.empty()) {
    // At most one recipient a line: the lines that are left are an upper bound.
    const char* here = lines_.value().data();
    const char* end = whole_.data() + whole_.size();
    recipients_ =
        arena_.MakeArray<std::string_view>(static_cast<std::size_t>(std::count(here, end, '\n')));
  }
  if (recipients_.empty()) return Fault(RequestFault::kTooManyRecipients, 1);
  recipients_[recipient_count_++] = address;
  return {};
}

RequestError Parser::Care(std::string_view value, bool* client) const noexcept {
  *client = value == "client";
  if (!*client && value != "server") return Fault(RequestFault::kBadCare, lines_.column());
  return {};
}

RequestError Parser::LineFault(LineStep step) const noexcept {
  const auto fault = [step] {
    switch (step) {
      case LineStep::kLine:
      case LineStep::kEnd: return RequestFault::kNone;
      case LineStep::kNoEmptyLine: return RequestFault::kNoEmptyLine;
      case LineStep::kBytesAfterEnd: return RequestFault::kBytesAfterEnd;
      case LineStep::kNoEquals: return RequestFault::kNoEquals;
      case LineStep::kNoName: return RequestFault::kNoName;
      case LineStep::kBadEscape: return RequestFault::kBadEscape;
    }
    return RequestFault::kNone;
  }();
  return Fault(fault, lines_.column());
}

}  // namespace

RequestError ParseRequest(std::span<char> whole,
                          engine::Arena& arena,
                          ReceivedRequest* request) noexcept {
  const RequestError error = Parser(whole, arena, *request).Run();
  if (!error.ok()) *request = ReceivedRequest{};
  return error;
}

const char* RequestFaultText(RequestFault fault) noexcept {
  switch (fault) {
    case RequestFault::kNone: return "no fault";
    case RequestFault::kNoEmptyLine: return "ends before the empty line";
    case RequestFault::kBytesAfterEnd: return "bytes after the empty line";
    case RequestFault::kNoEquals: return "line without \"=\"";
    case RequestFault::kNoName: return "line without a name";
    case RequestFault::kBadEscape: return "\"%\" without two hex digits";
    case RequestFault::kRequestNotFirst: return "the first attribute is not request";
    case RequestFault::kTwice: return "attribute given twice";
    case RequestFault::kBadNumber: return "not a number";
    case RequestFault::kBadCare: return "neither client nor server";
    case RequestFault::kTooManyRecipients: return "more recipients than there is room for";
  }
  return "";
}

}  // namespace ampdp
