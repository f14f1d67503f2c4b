// The content of messages: spool files that stay open, and the gathering of pieces into one write.
//
//   piece of a receive --Add--> iovec --Flush--> one pwritev        (end of the receive, or of the
//   message) end of message --Seal--> one ftruncate
//
// A slot is a folder WORK/NNNNN with a file email.txt, made at first need and used again for the
// next message, newest first.
// Left out: checks of what is in the folder, quotas, the sharing with a scanner of another user.
// One thread.
#ifndef MILLRACE_BENCH_FLOOR_CONTENT_H_
#define MILLRACE_BENCH_FLOOR_CONTENT_H_

#include <sys/types.h>
#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace millrace_floor {

struct Session;

// What epoll hands back: the loop's three sorts of descriptors.
struct Endpoint {
  enum class Kind : unsigned char { kListener, kSession, kSlot };
  Kind kind;
  int fd = -1;
};

// One message: its file, and the connection to the scanner while it is there (the endpoint).
struct Slot : Endpoint {
  Slot() : Endpoint{Kind::kSlot} {}
  int file = -1;
  std::string request{};       // the same for all messages of this slot
  Session* session = nullptr;  // nullptr: the mail server has gone
  std::string reply{};         // the part that has come; empty when a reply comes whole
  off_t bytes = 0;             // written so far
  bool held_cr = false;        // the last piece ended in a CR: whether to write it is not known yet
};

class Slots {
 public:
  explicit Slots(std::string work) : work_(std::move(work)) {}
  // Ends the program when a folder or file cannot be made.
  Slot* Take();
  void Give(Slot* slot) { free_.push_back(slot); }

 private:
  std::string work_;
  std::vector<std::unique_ptr<Slot>> all_{};
  std::vector<Slot*> free_{};
};

enum class Newlines : unsigned char { kLf, kCrlf };

// Gathers pieces of one message at a time. They are not copied: Flush() before they change.
class ContentWriter {
 public:
  explicit ContentWriter(Newlines newlines) : newlines_(newlines) {}
  void Add(Slot& slot, std::string_view piece);
  // A header field with its line end as LF; under kCrlf all its line ends become CRLF.
  void AddHeader(Slot& slot, std::string_view field);
  // The empty line.
  void AddEndOfHeader(Slot& slot);
  // A piece of the body, changed in place where CRLF becomes LF.
  void AddBody(Slot& slot, char* piece, std::size_t bytes);
  // False, here and below: the file system refused.
  bool Flush(Slot& slot);
  // The rest, and the exact length; the slot begins anew.
  bool Seal(Slot& slot);

 private:
  Newlines newlines_;
  int count_ = 0;
  bool failed_ = false;
  std::array<iovec, 1024> pieces_{};  // IOV_MAX
};

}  // namespace millrace_floor

#endif  // MILLRACE_BENCH_FLOOR_CONTENT_H_
