// A scripted mail server in memory.
#include "tests/tools/smtp_fake_server.h"

#include <algorithm>
#include <span>
#include <utility>

namespace replay {
namespace {

constexpr std::string_view kClose = "CLOSE";
constexpr int kTurnsMax = 1'000'000;

}  // namespace

void FakeSmtpServer::Take(std::string_view bytes) {
  input_ += bytes;
  std::size_t at = 0;
  for (std::size_t end = input_.find("\r\n"); end != std::string::npos && !closed_;
       end = input_.find("\r\n", at)) {
    const std::string line = input_.substr(at, end - at);
    at = end + 2;
    if (in_data_) {
      OnDataLine(line);
    } else {
      OnLine(line);
    }
  }
  input_.erase(0, at);
}

void FakeSmtpServer::OnLine(std::string_view line) {
  commands_.emplace_back(line);
  const std::string verb(line.substr(0, line.find_first_of(" :")));
  const char kind = Answer(verb, OwnAnswer(verb));
  if (verb == "MAIL") {
    in_mail_ = kind == '2';
    recipients_ = 0;
  } else if (verb == "RCPT" && kind == '2') {
    ++recipients_;
  } else if (verb == "DATA" && kind == '3') {
    in_data_ = true;
    message_.clear();
  } else if (verb == "RSET" || verb == "EHLO" || verb == "HELO") {
    in_mail_ = false;
  } else if (verb == "QUIT") {
    closed_ = true;
  }
}

void FakeSmtpServer::OnDataLine(std::string_view line) {
  data_.append(line).append("\r\n");
  if (line != ".") {
    if (line.starts_with('.')) line.remove_prefix(1);
    message_.append(line).append("\r\n");
    return;
  }
  in_data_ = in_mail_ = false;
  messages_.push_back(std::exchange(message_, {}));
  Answer(".", "250 2.0.0 Ok: queued as Q" + std::to_string(messages_.size()));
}

std::string FakeSmtpServer::OwnAnswer(std::string_view verb) {
  if (verb == "EHLO") {
    std::string text = "250-mx.example.net\r\n";
    for (const std::string& extension : extensions)
      text += "250-" + extension + "\r\n";
    return text + "250 HELP";
  }
  if (verb == "MAIL") return in_mail_ ? "503 nested MAIL" : "250 2.1.0 Ok";
  if (verb == "RCPT") return in_mail_ ? "250 2.1.5 Ok" : "503 5.5.1 need MAIL";
  if (verb == "DATA") return in_mail_ && recipients_ != 0 ? "354 go on" : "554 5.5.1 no recipients";
  if (verb == "XCLIENT") return "220 mx.example.net ESMTP";
  if (verb == "QUIT") return "221 Bye";
  return verb == "RSET" || verb == "HELO" ? "250 Ok" : "502 5.5.2 unknown command";
}

char FakeSmtpServer::Answer(std::string_view verb, std::string own) {
  const auto planned = answers.find(std::string(verb));
  if (planned != answers.end() && !planned->second.empty()) {
    own = std::move(planned->second.front());
    planned->second.pop_front();
  }
  if (own.ends_with(kClose)) {
    closed_ = true;
    own.resize(own.size() - std::min(own.size(), kClose.size() + 1));
  }
  if (own.empty()) return '\0';
  output_.append(own).append("\r\n");
  return own.front();
}

void SmtpProbe::Run() {
  server.Greet();
  std::vector<std::byte> buffer(fill_bytes);
  for (int turn = 0; turn < kTurnsMax; ++turn) {
    std::string sent;
    for (std::size_t filled = client.Fill(buffer); filled != 0; filled = client.Fill(buffer)) {
      sent.append(reinterpret_cast<const char*>(buffer.data()), filled);
      if (eager) break;
    }
    server.Take(sent);
    std::string& output = server.output();
    const std::string fed = output.substr(0, feed_bytes);
    output.erase(0, fed.size());
    client.Feed(std::as_bytes(std::span(fed)));
    if (!sent.empty())
      batches.push_back(std::move(sent));
    else if (fed.empty())
      break;
  }
  if (server.closed()) client.FeedEnd();
}

milter::Transaction SampleMail() {
  milter::Transaction transaction;
  transaction.sender = {"<alice@example.net>", {}, {}};
  transaction.recipients = {{"<bob@example.org>", {}, {}}, {"<carol@example.org>", {}, {}}};
  transaction.headers = {{"Subject", " hello"}, {"X-Folded", " one\n\ttwo"}};
  transaction.body = "first\r\n.second\r\n..\r\nlast\r\n";
  return transaction;
}

milter::MtaScript SampleSession(std::size_t messages) {
  milter::MtaScript script;
  script.client_name = "client.example.com";
  script.client_address = "192.0.2.7";
  script.client_port = 4711;
  script.helo = "helo.example.com";
  script.transactions.assign(messages, SampleMail());
  return script;
}

}  // namespace replay
