// The simulated scanner: reads, delays, answers or fails, and checks what it is given.
#include "tests/relay/sim_scanner.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "ampdp/reply_writer.h"

namespace relay_sim {

using engine::Time;

class SimScanner::Connection final : public engine::SocketEvents {
 public:
  Connection(SimScanner& scanner, int fd) : scanner_(scanner) {
    id_ = scanner.loop_.Adopt(fd, *this, engine::ReadMode::kSmall);
    timer_.connection = this;
    timer_.fire = [](engine::Timer& timer, Time) noexcept {
      static_cast<AnswerTimer&>(timer).connection->OnTime();
    };
  }
  ~Connection() { Close(); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void OnBytes(engine::SocketId, engine::Bytes bytes) noexcept override {
    if (has_request_) return;  // one request per connection: the rest is looked at below
    text_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    if (reader_.Scan(text_) == ampdp::BlockStatus::kComplete) TakeRequest();
  }
  void OnTurnEnd(engine::SocketId) noexcept override {}
  engine::Drained OnDirect(engine::SocketId, engine::DirectSocket&) noexcept override {
    return engine::Drained::kYes;
  }
  void OnWritable(engine::SocketId) noexcept override { Write(); }
  // Like amavisd: while it scans it does not look whether anybody is still there.
  void OnGone(engine::SocketId, int) noexcept override {
    gone_ = true;
    if (!has_request_ || answered_) Close();
  }
  void Kill() { Close(); }

 private:
  struct AnswerTimer : engine::Timer {
    Connection* connection = nullptr;
  };

  void TakeRequest() {
    has_request_ = true;
    scanner_.last_request_ = text_;
    engine::BlockPool pool(16 * engine::kMiB);
    engine::Arena arena(pool, 8 * engine::kMiB);
    ampdp::ReceivedRequest request;
    const ampdp::RequestError error = ampdp::ParseRequest(text_, arena, &request);
    sim::SimRandom& random = scanner_.world_.random();
    if (!error.ok() || scanner_.ledger_.count(std::string(request.facts.queue_id)) == 0) {
      scanner_.world_.Broken("request that cannot be read, or of an unknown message: " + text_);
      Close();
      return;
    }
    queue_id_ = request.facts.queue_id;
    directory_ = request.facts.tempdir;
    path_ = request.facts.mail_file;
    if (!request.facts.recipients.empty()) recipient_ = request.facts.recipients.front();
    ++scanner_.ledger_[queue_id_].requests;
    if (!scanner_.ledger_[queue_id_].paths.insert(path_).second)
      scanner_.world_.Broken("a second scanner was given the first one's file: " + path_);
    scanner_.ledger_[queue_id_].sender = request.facts.sender;
    scanner_.Enter();
    inside_ = true;
    const ScannerPlan& plan = scanner_.plan_;
    reads_late_ = random.Chance(plan.late_read);
    // A cut stream looks like a dead scanner to the relay, which then takes the file away.
    const bool surely_there = !gone_ && scanner_.world_.faults().cut == 0;
    if (!reads_late_) scanner_.CheckFile(queue_id_, path_, surely_there);
    if (random.Chance(plan.keeps_open)) {
      held_ = scanner_.world_.files().Hold(path_);
    }
    const bool hangs = random.Chance(plan.hang);
    fails_ = hangs;
    const Time delay = hangs ? plan.hang_for : random.Between(plan.delay_min, plan.delay_max);
    scanner_.loop_.Set(timer_, scanner_.loop_.now() + delay);
  }

  void OnTime() {
    if (answered_ && !reply_.empty() && Drips()) {
      Write();
      return;
    }
    if (answered_) {
      LookAgain();
      return;
    }
    // Nobody listening any more: the file may be gone, but what is there is this message's.
    if (reads_late_) scanner_.CheckFile(queue_id_, path_, false);
    answered_ = true;
    if (fails_ || gone_) {
      LeaveNow();
      Close();
      return;
    }
    LeaveThings();
    PlanReply();
    LeaveNow();
    Write();
    if (held_) scanner_.loop_.Set(timer_, scanner_.loop_.now() + std::chrono::seconds(3));
  }

  // Long after the reply: the file that was held open is this message's still, or empty.
  void LookAgain() {
    if (!held_) return;
    scanner_.CheckContent(queue_id_, held_->content, true);
    sim::SimFiles::LetGo(held_);
    held_.reset();
    if (gone_) Close();
  }

  void LeaveThings() {
    sim::SimRandom& random = scanner_.world_.random();
    sim::SimFiles& files = scanner_.world_.files();
    if (random.Chance(scanner_.plan_.leaves_parts) && files.Exists(directory_)) {
      files.MakeDir(directory_ + "/parts");
      files.WriteFile(directory_ + "/parts/p001", "part of " + queue_id_);
    }
    if (random.Chance(scanner_.plan_.keeps_link)) {
      const std::string link = std::string(kEvidence) + "/" + queue_id_;
      const auto content = files.ReadFile(path_);
      if (content && files.Link(path_, link)) scanner_.evidence_[link] = *content;
    }
  }

  void PlanReply() {
    sim::SimRandom& random = scanner_.world_.random();
    const ScannerPlan& plan = scanner_.plan_;
    ampdp::Reply reply;
    reply.version_server = 2;
    reply.log_id = queue_id_;
    reply.verdict = ampdp::Verdict::kContinue;
    reply.setreply = {.present = true, .code = 250, .enhanced = "2.5.0", .text = queue_id_};
    if (random.Chance(plan.reject)) {
      reply.verdict = ampdp::Verdict::kReject;
      reply.setreply = {.present = true, .code = 554, .enhanced = "5.7.0", .text = queue_id_};
    } else if (random.Chance(plan.discard)) {
      reply.verdict = ampdp::Verdict::kDiscard;
    } else if (random.Chance(plan.tempfail)) {
      reply.verdict = ampdp::Verdict::kTempfail;
      reply.setreply = {.present = true, .code = 451, .enhanced = "4.5.0", .text = queue_id_};
    }
    if (plan.local_failure) {
      reply.verdict = ampdp::Verdict::kTempfail;
      reply.setreply = {.present = true,
                        .code = 451,
                        .enhanced = "4.5.0",
                        .text = "Failure: no room at /var/lib/scanner"};
    }
    const ampdp::Edit edit{
        .kind = ampdp::EditKind::kInsHeader, .index = 0, .name = "X-Scan", .value = queue_id_};
    std::vector<ampdp::Edit> edits(1 + plan.more_edits, edit);
    if (!plan.deletes.empty()) {
      edits.push_back(
          {.kind = ampdp::EditKind::kDelHeader, .index = 1, .name = plan.deletes, .value = {}});
    }
    if (reply.verdict == ampdp::Verdict::kContinue) reply.edits = edits;
    reply_.resize(ampdp::ReplyBytes(reply));
    ampdp::WriteReply(reply, reply_);
    verdict_ = reply.verdict;
    if (random.Chance(plan.half_reply)) {
      reply_.resize(random.Below(reply_.size()));
      closes_after_ = true;
    } else if (random.Chance(plan.broken_reply)) {
      Break(random.Below(3));
    } else {
      sound_ = true;
    }
  }

  void Break(std::uint64_t how) {
    const std::size_t verdict = reply_.find("return_value=");
    if (how == 0) {
      reply_.insert(verdict, "return_value=continue\r\n");
      reply_.insert(verdict, "return_value=reject\r\n");
    } else if (how == 1) {
      reply_.erase(verdict, reply_.find('\n', verdict) + 1 - verdict);
    } else {
      reply_ = "HTTP/1.1 400 Bad Request\r\n\r\n";
    }
  }

  void Write() {
    while (!closed_ && !reply_.empty()) {
      const iovec piece{reply_.data(), Drips() ? 1 : reply_.size()};
      const engine::IoResult result = scanner_.loop_.Send(id_, {&piece, 1});
      if (!result.ok() && result.error != EAGAIN) return;
      reply_.erase(0, result.ok() ? static_cast<std::size_t>(result.value) : 0);
      if (!reply_.empty()) {
        if (Drips()) scanner_.loop_.Set(timer_, scanner_.loop_.now() + scanner_.plan_.drip_every);
        return;
      }
      if (sound_) {
        scanner_.ledger_[queue_id_].reply_left = true;
        scanner_.ledger_[queue_id_].verdict = verdict_;
      }
    }
    if (closes_after_ && reply_.empty()) Close();
  }

  bool Drips() const { return scanner_.plan_.drip_every.count() > 0; }

  void LeaveNow() {
    if (inside_) scanner_.Leave();
    inside_ = false;
  }

  void Close() {
    if (held_ && (closed_ || !answered_)) {
      sim::SimFiles::LetGo(held_);
      held_.reset();
    }
    if (closed_) return;
    closed_ = true;
    LeaveNow();
    if (!held_) scanner_.loop_.Cancel(timer_);
    scanner_.loop_.Close(id_);
  }

  SimScanner& scanner_;
  engine::SocketId id_{};
  AnswerTimer timer_;
  ampdp::RequestReader reader_;
  std::string text_;
  std::string reply_;
  std::string queue_id_;
  std::string directory_;
  std::string path_;
  std::string recipient_;
  sim::SimFilePtr held_;
  ampdp::Verdict verdict_ = ampdp::Verdict::kTempfail;
  bool has_request_ = false;
  bool inside_ = false;
  bool answered_ = false;
  bool reads_late_ = false;
  bool fails_ = false;
  bool sound_ = false;
  bool closes_after_ = false;
  bool gone_ = false;
  bool closed_ = false;
};

SimScanner::SimScanner(sim::SimWorld& world,
                       sim::SimLoop& loop,
                       Ledger& ledger,
                       const ScannerPlan& plan)
    : world_(world), loop_(loop), ledger_(ledger), plan_(plan) {
  world_.files().MakeDir(kEvidence);
}

SimScanner::~SimScanner() = default;

void SimScanner::Listen(const std::string& at, std::size_t backlog) {
  at_ = at;
  backlog_ = backlog;
  ListenAgain();
}

void SimScanner::ListenAgain() {
  if (listener_ >= 0) return;
  listener_ = world_.Listen(at_, backlog_);
  AcceptAgain();
}

void SimScanner::AcceptAgain() {
  if (accepts_ || listener_ < 0) return;
  accepts_ = true;
  loop_.Listen(
      listener_,
      [](void* context, int fd) noexcept {
        auto* self = static_cast<SimScanner*>(context);
        self->connections_.push_back(std::make_unique<Connection>(*self, fd));
      },
      this);
}

void SimScanner::StopAccepting() {
  if (std::exchange(accepts_, false)) loop_.StopListening(listener_);
}

void SimScanner::StopListening() {
  if (listener_ < 0) return;
  StopAccepting();
  world_.streams().CloseListener(std::exchange(listener_, -1));
}

void SimScanner::Kill() {
  StopListening();
  for (const auto& connection : connections_)
    connection->Kill();
}

void SimScanner::Enter() {
  ++requests_;
  inside_most_ = std::max(inside_most_, ++inside_);
}

void SimScanner::Leave() {
  --inside_;
}

void SimScanner::CheckFile(const std::string& queue_id,
                           const std::string& path,
                           bool must_be_there) {
  const auto content = world_.files().ReadFile(path);
  if (!content) {
    if (must_be_there) world_.Broken("no file at request time: " + queue_id + " " + path);
    return;
  }
  CheckContent(queue_id, *content, !must_be_there);
}

void SimScanner::CheckContent(const std::string& queue_id,
                              const std::string& content,
                              bool may_be_nothing) {
  if (content.empty() && may_be_nothing) return;
  const std::string& expected = ledger_[queue_id].content;
  if (content.starts_with("Received: from ") && content.ends_with(expected)) {
    // What stands before is the synthesized field: four lines, all but the first with a TAB.
    const std::string field = content.substr(0, content.size() - expected.size());
    std::size_t lines = 0;
    std::size_t line_ends = 0;
    for (std::size_t i = 0; i < field.size(); ++i) {
      lines += field[i] == '\n' ? 1 : 0;
      line_ends += std::string_view(field).substr(i).starts_with(plan_.line_end) ? 1 : 0;
    }
    if (lines == 4 && line_ends == 4 && field.ends_with(plan_.line_end)) return;
  }
  world_.Broken("content of " + queue_id + " is not its own: " + content.substr(0, 400));
}

}  // namespace relay_sim
