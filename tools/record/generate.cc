// The generator: client, envelope, header, body, in that order from one stream.
#include "tools/record/generate.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tools/record/mail_date.h"

namespace record {
namespace {

constexpr std::uint64_t kArrivalLane = 4;
constexpr std::uint64_t kSessionLane = 1000;  // and on
constexpr std::uint32_t kUsers = 2000;
constexpr double kUsersExponent = 0.8;
constexpr std::uint32_t kClients = 600;
constexpr double kClientsExponent = 1.0;
// What the header takes of a message's size on average; the body gets the rest.
constexpr std::uint64_t kHeaderBytesMean = 1750;
constexpr std::uint64_t kBodyBytesMin = 64;

constexpr std::array<const char*, 20> kFillers = {
    "List-Id",         "List-Unsubscribe", "References",        "In-Reply-To",  "Reply-To",
    "Precedence",      "Auto-Submitted",   "X-Priority",        "Importance",   "Thread-Topic",
    "Accept-Language", "Content-Language", "Feedback-ID",       "ARC-Seal",     "X-Mailer",
    "Organization",    "X-Report-Abuse",   "X-Originating-Tag", "Received-SPF", "X-Campaign"};

// Microseconds of `seconds`; not negative.
std::uint64_t Microseconds(double seconds) {
  return static_cast<std::uint64_t>(seconds * 1e6);
}

// Lines of 70 signs, folded.
std::string Signature(RandomStream& random, std::uint32_t lines) {
  std::string text = " v=1; a=rsa-sha256; d=example.org; s=made;";
  for (std::uint32_t i = 0; i < lines; ++i)
    absl::StrAppend(&text, "\n\t", Token(random, 70));
  return text;
}

}  // namespace

Generator::Generator(const GenerateOptions& options)
    : options_(options),
      model_(ModelNamed(options.model)),
      maker_(options.seed),
      sizes_(PoolSizes(model_, options.pool, options.seed)),
      recipients_(2, kRecipientsZipfMax, kRecipientsZipfExponent),
      users_(1, kUsers, kUsersExponent),
      clients_(1, kClients, kClientsExponent),
      arrivals_(options.seed, kArrivalLane) {}

bool Generator::Next(PlayedSession* session) {
  if (made_ >= options_.messages) return false;
  RandomStream random(options_.seed, kSessionLane + sessions_);
  const double gap = ArrivalGap(options_.arrivals, arrivals_);
  seconds_ += gap * MeanMessages(model_) / options_.rate;
  ++sessions_;
  session->kind = milter::MtaKind::kPostfix;
  session->connect_us = options_.start_us + Microseconds(seconds_);
  session->message_us.clear();
  SetClient(random, &session->script);
  const std::uint64_t left = options_.messages - made_;
  const auto messages = std::min<std::uint64_t>(DrawMessages(model_, random), left);
  session->script.transactions.resize(messages);
  std::uint64_t time_us = session->connect_us;
  for (milter::Transaction& transaction : session->script.transactions) {
    session->message_us.push_back(time_us);
    SetTransaction(random, time_us, &transaction);
    time_us += Microseconds(random.Exponential() * kThinkSeconds);
  }
  made_ += messages;
  return true;
}

void Generator::SetClient(RandomStream& random, milter::MtaScript* script) const {
  MadeClient client = ClientOf(clients_.Draw(random));
  script->client_name = std::move(client.name);
  script->client_family = client.family;
  script->client_address = std::move(client.address);
  script->client_port = static_cast<std::uint16_t>(1024 + random.Below(60'000));
  script->helo = std::move(client.helo);
  script->macros = {{"j", "mail.example.org"},
                    {"daemon_name", "mail.example.org"},
                    {"daemon_addr", "192.0.2.1"},
                    {"v", "Postfix 3.7"}};
}

void Generator::SetTransaction(RandomStream& random,
                               std::uint64_t time_us,
                               milter::Transaction* to) {
  const auto body = static_cast<std::uint32_t>(random.Below(sizes_.size()));
  const std::uint64_t size = sizes_[body];
  const std::uint64_t body_bytes = std::max(kBodyBytesMin, size - std::min(size, kHeaderBytesMean));
  to->queue_id = MadeQueueId(random);
  SetEnvelope(random, to);
  to->headers.clear();
  SetFields(random, time_us, to);
  to->headers.push_back({"Content-Type", std::string(BodyMaker::ContentType(body_bytes))});
  maker_.Make(body, body_bytes, &to->body);
  to->sender.arguments = {absl::StrCat("SIZE=", to->body.size() + kHeaderBytesMean)};
}

void Generator::SetEnvelope(RandomStream& random, milter::Transaction* to) const {
  to->sender.address =
      random.Chance(model_.null_sender)
          ? "<>"
          : absl::StrCat(
                "<", UserName(users_.Draw(random)), "@", DomainName(clients_.Draw(random)), ">");
  to->sender.macros.clear();
  if (random.Chance(model_.authenticated)) {
    to->sender.macros = {{"auth_type", "PLAIN"}, {"auth_authen", UserName(users_.Draw(random))}};
  }
  const std::uint32_t count = DrawRecipients(model_, recipients_, random);
  const std::uint64_t first = users_.Draw(random);
  to->recipients.resize(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    // A list's members: different ones.
    to->recipients[i].address = absl::StrCat("<", UserName(first + i), "@example.org>");
  }
}

void Generator::SetFields(RandomStream& random,
                          std::uint64_t time_us,
                          milter::Transaction* to) const {
  const std::uint32_t count = DrawFields(model_, random);
  const std::string date = MailDate(time_us);
  std::vector<milter::HeaderField>& fields = to->headers;
  const std::uint64_t hops = 1 + random.Below(4);
  for (std::uint64_t hop = 0; hop < hops; ++hop) {
    const std::string host = DomainName(clients_.Draw(random));
    fields.push_back({"Received",
                      absl::StrCat(" from ",
                                   host,
                                   " (",
                                   host,
                                   " [192.0.2.",
                                   1 + random.Below(254),
                                   "])\n\tby mx.example.org with ESMTP id ",
                                   Token(random, 11),
                                   ";\n\t",
                                   date)});
  }
  if (random.Chance(0.6)) fields.push_back({"DKIM-Signature", Signature(random, 5)});
  fields.push_back({"Date", absl::StrCat(" ", date)});
  fields.push_back(
      {"From",
       absl::StrCat(" ",
                    to->sender.address == "<>" ? "<postmaster@example.org>" : to->sender.address)});
  fields.push_back({"To", absl::StrCat(" ", to->recipients.front().address)});
  fields.push_back(
      {"Subject",
       absl::StrCat(" ", Words(random, static_cast<std::uint32_t>(2 + random.Below(8))))});
  fields.push_back({"Message-ID", absl::StrCat(" <", Token(random, 24), "@example.net>")});
  fields.push_back({"MIME-Version", " 1.0"});
  // Content-Type comes after these.
  for (std::uint32_t i = 0; fields.size() + 1 < count; ++i)
    AddFiller(random, i, to);
}

void Generator::AddFiller(RandomStream& random,
                          std::uint32_t index,
                          milter::Transaction* to) const {
  std::string name = kFillers[index % kFillers.size()];
  if (index >= kFillers.size()) name = absl::StrCat("X-Made-", index);
  std::string value =
      name.starts_with("ARC-")
          ? Signature(random, 4)
          : absl::StrCat(" ", Words(random, static_cast<std::uint32_t>(1 + random.Below(9))));
  to->headers.push_back({std::move(name), std::move(value)});
}

}  // namespace record
