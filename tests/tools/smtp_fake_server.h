// A scripted mail server in memory, and the loop that lets an SmtpClient talk to it.
//
// The server answers each command by its verb: what the test put into `answers`, else as a sound
// server would. It keeps commands and messages. It never reads ahead of what it was given, and does
// not check syntax beyond verbs.
#ifndef MILLRACE_TESTS_TOOLS_SMTP_FAKE_SERVER_H_
#define MILLRACE_TESTS_TOOLS_SMTP_FAKE_SERVER_H_

#include <cstddef>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "milter/mta_transaction.h"
#include "tools/replay/smtp_client.h"

namespace replay {

class FakeSmtpServer {
 public:
  // By verb; "." is the end of data, "GREETING" the connection. Each is used once, in order; after
  // the last one, and for other verbs, the server's own answer. Whole replies, without the last
  // CRLF; "" answers nothing, "CLOSE" closes, one that ends with a blank and "CLOSE" does both.
  std::map<std::string, std::deque<std::string>> answers;
  std::vector<std::string> extensions = {
      "PIPELINING", "SIZE 10240000", "8BITMIME", "SMTPUTF8", "DSN"};

  void Greet() { Answer("GREETING", "220 mx.example.net ESMTP"); }
  void Take(std::string_view bytes);
  std::string& output() { return output_; }
  bool closed() const { return closed_; }
  const std::vector<std::string>& commands() const { return commands_; }
  // With dots as they were meant, and without the end.
  const std::vector<std::string>& messages() const { return messages_; }
  // The messages' octets as they came, all in one.
  const std::string& data() const { return data_; }

 private:
  void OnLine(std::string_view line);
  void OnDataLine(std::string_view line);
  std::string OwnAnswer(std::string_view verb);
  // The code's first digit, or 0.
  char Answer(std::string_view verb, std::string own);

  std::string input_;
  std::string output_;
  std::string message_;
  std::string data_;
  std::vector<std::string> commands_;
  std::vector<std::string> messages_;
  bool in_mail_ = false;
  bool in_data_ = false;
  bool closed_ = false;
  std::size_t recipients_ = 0;
};

struct SmtpProbe {
  SmtpProbe(const SmtpOptions& smtp_options, milter::MtaScript mta_script)
      : options(smtp_options), script(std::move(mta_script)), client(options, script) {}

  // Until neither side has anything to say. `fill_bytes` at a time leave the client; eager: the
  // server gets each of those at once, and the client its answer before the next one.
  void Run();

  std::size_t fill_bytes = 4096;
  std::size_t feed_bytes = 65536;
  bool eager = false;
  SmtpOptions options;
  milter::MtaScript script;
  FakeSmtpServer server;
  SmtpClient client;
  std::vector<std::string> batches;  // what was sent between two readings
};

// Two headers, one of them folded, two recipients, a body with dots.
milter::Transaction SampleMail();
milter::MtaScript SampleSession(std::size_t messages = 1);

}  // namespace replay

#endif  // MILLRACE_TESTS_TOOLS_SMTP_FAKE_SERVER_H_
