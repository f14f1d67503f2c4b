// What an SMTP server offers, and the arguments and XCLIENT commands that go by it.
#include "tools/replay/smtp_extensions.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/tools/smtp_fake_server.h"

namespace replay {
namespace {

using Strings = std::vector<std::string>;

SmtpExtensions Offered(const Strings& lines) {
  SmtpReply reply{.code = 250, .text = "250-mx.example.net"};
  for (const std::string& line : lines)
    reply.text += "\r\n250-" + line;
  SmtpExtensions extensions;
  extensions.Read(reply);
  return extensions;
}

MailFacts Facts(std::uint64_t bytes, bool eight_bit = false) {
  return {.content = {.bytes = bytes, .eight_bit = eight_bit}, .declare_8bit = true};
}

TEST(SmtpExtensionsTest, ReadsKeywordsInAnyCaseAndTheirParameters) {
  const SmtpExtensions extensions = Offered({"size 100", "Pipelining", "XCLIENT NAME ADDR", ""});
  EXPECT_TRUE(extensions.Offers("SIZE"));
  EXPECT_TRUE(extensions.Offers("PIPELINING"));
  EXPECT_FALSE(extensions.Offers("MX.EXAMPLE.NET"));
  EXPECT_FALSE(extensions.Offers("XCLIEN"));
  EXPECT_TRUE(extensions.Names("XCLIENT", "ADDR"));
  EXPECT_FALSE(extensions.Names("XCLIENT", "ADD"));
  EXPECT_FALSE(extensions.Names("XCLIENT", "XCLIENT"));
  EXPECT_FALSE(extensions.Names("SIZE", "ADDR"));
}

TEST(SmtpExtensionsTest, ReadsAReplyOfOneLineOrOfCodesAlone) {
  SmtpExtensions extensions;
  extensions.Read({.code = 250, .text = "250 mx"});
  EXPECT_FALSE(extensions.Offers("MX"));
  extensions.Read({.code = 250, .text = "250-\r\n250"});
  EXPECT_FALSE(extensions.Offers("SIZE"));
}

TEST(SmtpExtensionsTest, LeavesOutWhatIsNotOfferedAndCountsIt) {
  milter::Transaction mail;
  mail.sender.arguments = {"SIZE=5", "BODY=8BITMIME", "RET=HDRS", "ENVID=x", "SMTPUTF8", "X=1"};
  const FittedArguments none = FitMailArguments(mail, Facts(7), Offered({}));
  EXPECT_EQ(none.text, "");
  EXPECT_EQ(none.left_out, 6U);
  const FittedArguments some = FitMailArguments(mail, Facts(7), Offered({"DSN", "SIZE", "X"}));
  EXPECT_EQ(some.text, " SIZE=7 RET=HDRS ENVID=x X=1");
  EXPECT_EQ(some.left_out, 2U);
  const FittedArguments rcpt = FitRcptArguments(
      {"<a@b>", {"NOTIFY=NEVER", "ORCPT=rfc822;a@b", "FOO"}, {}}, Offered({"DSN"}));
  EXPECT_EQ(rcpt.text, " NOTIFY=NEVER ORCPT=rfc822;a@b");
  EXPECT_EQ(rcpt.left_out, 1U);
}

TEST(SmtpExtensionsTest, TellsTheRealSizeOnce) {
  milter::Transaction mail;
  EXPECT_EQ(FitMailArguments(mail, Facts(9), Offered({"SIZE"})).text, " SIZE=9");
  mail.sender.arguments = {"size=1", "SIZE=2"};
  EXPECT_EQ(FitMailArguments(mail, Facts(9), Offered({"SIZE"})).text, " SIZE=9");
}

TEST(SmtpExtensionsTest, DeclaresWhatTheScriptDoesNot) {
  milter::Transaction mail;
  const SmtpExtensions both = Offered({"8BITMIME", "SMTPUTF8"});
  EXPECT_EQ(FitMailArguments(mail, Facts(1, true), both).text, " BODY=8BITMIME");
  EXPECT_EQ(FitMailArguments(mail, Facts(1, true), Offered({})).text, "");
  mail.recipients = {{"<\xc3\xa9@b>", {}, {}}};
  EXPECT_EQ(FitMailArguments(mail, Facts(1), both).text, " SMTPUTF8");
  mail.sender.arguments = {"SMTPUTF8", "BODY=7BIT"};
  EXPECT_EQ(FitMailArguments(mail, Facts(1, true), both).text, " SMTPUTF8 BODY=7BIT");
  mail.sender.arguments.clear();
  MailFacts silent = Facts(1, true);
  silent.declare_8bit = false;
  EXPECT_EQ(FitMailArguments(mail, silent, both).text, "");
}

TEST(SmtpExtensionsTest, NeverSaysBinaryMime) {
  milter::Transaction mail;
  mail.sender.arguments = {"body=BinaryMime"};
  const FittedArguments fitted =
      FitMailArguments(mail, Facts(1, true), Offered({"8BITMIME", "BINARYMIME"}));
  EXPECT_EQ(fitted.text, " BODY=8BITMIME");
  EXPECT_EQ(fitted.left_out, 1U);
}

TEST(SmtpExtensionsTest, BracketsAddresses) {
  EXPECT_EQ(Bracketed("<a@b>"), "<a@b>");
  EXPECT_EQ(Bracketed("a@b"), "<a@b>");
  EXPECT_EQ(Bracketed(""), "<>");
}

constexpr char kAllAttributes[] =
    "XCLIENT NAME ADDR PROTO HELO REVERSE_NAME PORT LOGIN DESTADDR DESTPORT";

std::string Xclient(const milter::MtaScript& script, const std::string& offered) {
  return FitXclientArguments(script, Offered({offered})).text;
}

TEST(XclientTest, NamesTheClient) {
  milter::MtaScript script = SampleSession();
  script.transactions[0].sender.macros = {{"auth_authen", "b=b+ \xc3\xa9"}};
  EXPECT_EQ(Xclient(script, kAllAttributes),
            " ADDR=192.0.2.7 PORT=4711 NAME=client.example.com LOGIN=b+3Db+2B+20+C3+A9 PROTO=ESMTP "
            "HELO=helo.example.com");
  EXPECT_EQ(Xclient(script, "XCLIENT addr HELO"), " ADDR=192.0.2.7 HELO=helo.example.com");
  EXPECT_EQ(Xclient(script, "XCLIENT"), "");
  EXPECT_EQ(Xclient(script, ""), "");
}

TEST(XclientTest, SaysWhatIsNotKnown) {
  milter::MtaScript script = SampleSession();
  script.client_name = "unknown";
  script.client_family = '6';
  script.client_address = "2001:db8::1";
  script.client_port = 0;
  script.helo_count = 0;
  EXPECT_EQ(Xclient(script, kAllAttributes),
            " ADDR=IPV6:2001:db8::1 PORT=[UNAVAILABLE] NAME=[UNAVAILABLE] PROTO=SMTP "
            "HELO=[UNAVAILABLE]");
  script.client_name = "[192.0.2.7]";
  script.client_family = 'U';
  script.helo_count = 1;
  script.helo.clear();
  EXPECT_EQ(Xclient(script, kAllAttributes),
            " ADDR=[UNAVAILABLE] PORT=[UNAVAILABLE] NAME=[UNAVAILABLE] PROTO=ESMTP "
            "HELO=[UNAVAILABLE]");
}

TEST(XclientTest, TakesTheLoginWhereItIs) {
  milter::MtaScript script = SampleSession();
  script.macros = {{"auth_authen", "session"}};
  EXPECT_EQ(Xclient(script, "XCLIENT LOGIN"), " LOGIN=session");
  script.transactions[0].macros = {{"auth_authen", "message"}};
  EXPECT_EQ(Xclient(script, "XCLIENT LOGIN"), " LOGIN=message");
  script.transactions.clear();
  script.macros.clear();
  EXPECT_EQ(Xclient(script, "XCLIENT LOGIN"), "");
}

TEST(XclientTest, LeavesOutWhatDoesNotFit) {
  milter::MtaScript script = SampleSession();
  script.client_name = std::string(255, 'n');
  script.helo = std::string(255, 'h');
  const FittedArguments fitted = FitXclientArguments(script, Offered({kAllAttributes}));
  EXPECT_EQ(fitted.text, " ADDR=192.0.2.7 PORT=4711 NAME=" + script.client_name + " PROTO=ESMTP");
  EXPECT_EQ(fitted.left_out, 1U);
  const std::size_t room =
      kXclientMaxBytes - fitted.text.size() - std::string("XCLIENT HELO=\r\n").size();
  script.helo.resize(room);
  EXPECT_EQ(FitXclientArguments(script, Offered({kAllAttributes})).left_out, 0U);
  script.helo.resize(room + 1, 'h');
  EXPECT_EQ(FitXclientArguments(script, Offered({kAllAttributes})).left_out, 1U);
}

}  // namespace
}  // namespace replay
