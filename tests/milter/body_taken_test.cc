// Body octets that a caller moves past the session: the same events as for octets that are fed.
#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/milter/session_probe.h"

namespace milter {
namespace {

using Lines = std::vector<std::string>;

FilterOptions AnswerAll() {
  FilterOptions options;
  options.required_actions = 0;
  options.protocol = 0;
  return options;
}

// A session whose owner takes body octets elsewhere, `take` at a time where it may; 0: feeds all.
class Player {
 public:
  Player(const FilterOptions& options, std::size_t take)
      : options_(options), take_(take), session_(options_, pool_) {}

  void Play(std::string_view stream) {
    while (!stream.empty()) {
      const std::size_t ahead = session_.body_bytes_ahead();
      if (take_ > 0 && ahead > 0) {
        const std::size_t bytes = std::min({take_, ahead, stream.size()});
        const Event event = session_.BodyTaken(static_cast<std::uint32_t>(bytes));
        EXPECT_EQ(event.kind, EventKind::kBody);
        EXPECT_TRUE(event.body.empty());
        taken_ += bytes;
        Note(event, bytes);
        stream.remove_prefix(bytes);
        continue;
      }
      std::size_t bytes = stream.size();
      if (take_ > 0) bytes = std::max<std::size_t>(session_.head_bytes_ahead(), 1);
      Feed(std::string(stream.substr(0, bytes)));
      stream.remove_prefix(std::min(bytes, stream.size()));
    }
  }
  // Bodies by their length and the replies due in them.
  Lines lines() {
    EndBody();
    return lines_;
  }
  FilterSession& session() { return session_; }
  std::size_t taken() const { return taken_; }

 private:
  void Feed(std::string piece) {
    session_.Feed({reinterpret_cast<std::byte*>(piece.data()), piece.size()});
    for (;;) {
      const Event event = session_.Next();
      if (event.kind == EventKind::kNeedMore) return;
      Note(event, event.body.size());
    }
  }
  void Note(const Event& event, std::size_t bytes) {
    if (event.kind == EventKind::kBody) {
      in_body_ = true;
      body_ += bytes;
      due_ += event.reply_due ? 1 : 0;
      stray_ += event.stray ? 1 : 0;
      return;
    }
    EndBody();
    lines_.push_back(Render(event));
    if (event.kind == EventKind::kEndOfMessage && verdict_at_once) session_.VerdictSent();
  }
  void EndBody() {
    if (in_body_) {
      lines_.push_back("body " + std::to_string(body_) + " due " + std::to_string(due_) +
                       (stray_ > 0 ? " stray" : ""));
    }
    in_body_ = false;
    body_ = due_ = stray_ = 0;
  }

 public:
  bool verdict_at_once = true;

 private:
  FilterOptions options_;
  std::size_t take_;
  engine::BlockPool pool_{4 << 20};
  FilterSession session_;
  Lines lines_;
  std::size_t body_ = 0;
  std::size_t due_ = 0;
  std::size_t stray_ = 0;
  std::size_t taken_ = 0;
  bool in_body_ = false;
};

const std::string kEnvelope = Pack('M', Raw("<a@b>\0")) + Pack('R', Raw("<c@d>\0"));
const std::string kBodyAndEnd = Pack('B', std::string(1000, 'x')) + Pack('B', "y") + Pack('B') +
                                Pack('B', std::string(77, 'z')) + Pack('E');

TEST(BodyTakenTest, GivesTheEventsOfOctetsThatAreFed) {
  const std::string streams[] = {
      kEnvelope + Pack('L', Raw("A\0 b\0")) + Pack('N') + kBodyAndEnd + kEnvelope + kBodyAndEnd,
      kEnvelope + kBodyAndEnd,                                   // body without a header
      kEnvelope + Pack('B', "abc") + Pack('L', Raw("A\0 b\0")),  // a stray field after it
      kEnvelope + Pack('B', "abc") + Pack('A') + kEnvelope + kBodyAndEnd,
      kEnvelope + Pack('B', "abc") + Pack('E', "tail") + kEnvelope,
      kEnvelope + Pack('B', "abc").substr(0, 6),                   // ends in the payload
      kEnvelope + Pack('B', "abc") + std::string("\0\0\0\0B", 5),  // length zero
      kEnvelope + Pack('B', "abc") + std::string("\0\1\0\1B", 5),  // longer than allowed
      kEnvelope + Pack('B', "abc") + Pack('?'),
      Pack('B', "no message"),
  };
  for (const FilterOptions& options : {FilterOptions(), AnswerAll()}) {
    for (const std::string& stream : streams) {
      Player fed(options, 0);
      fed.Play(PackOffer() + stream);
      for (const std::size_t take : {1U, 2U, 76U, 65535U}) {
        Player player(options, take);
        player.Play(PackOffer() + stream);
        EXPECT_EQ(player.lines(), fed.lines()) << "take " << take;
        EXPECT_EQ(player.session().half_packet(), fed.session().half_packet());
        EXPECT_EQ(player.session().content_phase(), fed.session().content_phase());
      }
    }
  }
}

TEST(BodyTakenTest, EveryOctetOfABodyMayBeTaken) {
  Player player(FilterOptions(), 100);
  player.Play(PackOffer() + kEnvelope + kBodyAndEnd);
  EXPECT_EQ(player.taken(), 1078U);
}

TEST(BodyTakenTest, KnowsWhatComesNext) {
  Player player(FilterOptions(), 0);
  player.Play(PackOffer() + kEnvelope);
  FilterSession& session = player.session();
  EXPECT_EQ(session.head_bytes_ahead(), 5U);
  EXPECT_EQ(session.body_bytes_ahead(), 0U);
  const std::string packet = Pack('B', "0123456789");
  player.Play(packet.substr(0, 2));
  EXPECT_EQ(session.head_bytes_ahead(), 3U);
  player.Play(packet.substr(2, 3));
  EXPECT_EQ(session.head_bytes_ahead(), 0U);
  EXPECT_EQ(session.body_bytes_ahead(), 10U);
  EXPECT_FALSE(session.BodyTaken(9).reply_due);
  EXPECT_EQ(session.body_bytes_ahead(), 1U);
  EXPECT_TRUE(session.half_packet());
  player.Play(packet.substr(14));  // the last octet is fed
  EXPECT_EQ(session.head_bytes_ahead(), 5U);
  EXPECT_FALSE(session.half_packet());
}

TEST(BodyTakenTest, NothingMayBeTakenOutsideOfAMessageOrOfOtherPayloads) {
  Player outside(FilterOptions(), 0);
  outside.Play(PackOffer() + Pack('B', "abc").substr(0, 6));
  EXPECT_EQ(outside.session().body_bytes_ahead(), 0U);
  EXPECT_EQ(outside.session().head_bytes_ahead(), 0U);

  Player header(FilterOptions(), 0);
  header.Play(PackOffer() + kEnvelope + Pack('L', Raw("A\0 b\0")).substr(0, 7));
  EXPECT_EQ(header.session().body_bytes_ahead(), 0U);
  EXPECT_EQ(header.session().head_bytes_ahead(), 0U);

  Player end(FilterOptions(), 0);
  end.Play(PackOffer() + kEnvelope + Pack('E', "tail").substr(0, 6));
  EXPECT_EQ(end.session().body_bytes_ahead(), 0U);

  Player macros(FilterOptions(), 0);
  macros.Play(PackOffer() + kEnvelope + Pack('D', "B12345").substr(0, 7));
  EXPECT_EQ(macros.session().body_bytes_ahead(), 0U);
  EXPECT_EQ(macros.session().head_bytes_ahead(), 0U);
  EXPECT_EQ(macros.session().macro_bytes_ahead(), 4U);

  Player verdict(FilterOptions(), 0);
  verdict.verdict_at_once = false;
  verdict.Play(PackOffer() + kEnvelope + Pack('E'));
  verdict.Play(Pack('B', "abc").substr(0, 5));
  EXPECT_EQ(verdict.session().body_bytes_ahead(), 0U);

  Player broken(FilterOptions(), 0);
  broken.Play(PackOffer() + kEnvelope + std::string("\0\0\0\0", 4));
  EXPECT_EQ(broken.session().head_bytes_ahead(), 0U);
}

TEST(BodyTakenDeathTest, MoreThanThereIsCannotBeTaken) {
  Player player(FilterOptions(), 0);
  player.Play(PackOffer() + kEnvelope + Pack('B', "abc").substr(0, 5));
  EXPECT_DEATH(static_cast<void>(player.session().BodyTaken(4)), "");
  EXPECT_DEATH(static_cast<void>(player.session().BodyTaken(0)), "");
}

}  // namespace
}  // namespace milter
