// memchr and memmove for the line ends; pwritev and ftruncate for the file.
#include "bench/floor/content.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "bench/floor/answers.h"

namespace millrace_floor {
namespace {

// CRLF to LF, in place; the new length. A CR at the very end is cut off and told.
std::size_t ToLineFeeds(char* text, std::size_t bytes, bool* held_cr) {
  char* to = text;
  const char* from = text;
  const char* const end = text + bytes;
  while (from < end) {
    const auto left = static_cast<std::size_t>(end - from);
    const auto* cr = static_cast<const char*>(std::memchr(from, '\r', left));
    const std::size_t line = cr == nullptr ? left : static_cast<std::size_t>(cr - from);
    if (to != from) std::memmove(to, from, line);
    to += line;
    from += line;
    if (from == end) break;
    ++from;  // the CR
    if (from == end) {
      *held_cr = true;
    } else if (*from != '\n') {
      *to++ = '\r';
    }
  }
  return static_cast<std::size_t>(to - text);
}

[[noreturn]] void Die(const std::string& what) {
  std::perror(("millrace-floor: " + what).c_str());
  std::exit(EXIT_FAILURE);  // NOLINT(concurrency-mt-unsafe): one thread
}

}  // namespace

Slot* Slots::Take() {
  if (!free_.empty()) {
    Slot* slot = free_.back();
    free_.pop_back();
    return slot;
  }
  std::array<char, 16> name{};
  std::snprintf(name.data(), name.size(), "/%05zu", all_.size());
  const std::string directory = work_ + name.data();
  const std::string mail_file = directory + "/email.txt";
  auto slot = std::make_unique<Slot>();
  if (::mkdir(directory.c_str(), 0750) != 0) Die(directory);
  slot->file = ::open(mail_file.c_str(), O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0640);
  if (slot->file < 0) Die(mail_file);
  slot->request = MakeRequest(directory, mail_file);
  all_.push_back(std::move(slot));
  return all_.back().get();
}

void ContentWriter::Add(Slot& slot, std::string_view piece) {
  if (piece.empty()) return;
  if (count_ == static_cast<int>(pieces_.size()) && !Flush(slot)) failed_ = true;
  // An iovec is not const; pwritev only reads.
  pieces_[static_cast<std::size_t>(count_++)] = {const_cast<char*>(piece.data()), piece.size()};
}

// A folded field comes with LF at its folds.
void ContentWriter::AddHeader(Slot& slot, std::string_view field) {
  if (newlines_ == Newlines::kCrlf) {
    for (std::size_t end = field.find('\n'); end != std::string_view::npos;
         end = field.find('\n')) {
      const bool bare = end == 0 || field[end - 1] != '\r';
      Add(slot, field.substr(0, bare ? end : end + 1));
      if (bare) Add(slot, "\r\n");
      field.remove_prefix(end + 1);
    }
  }
  Add(slot, field);
}

void ContentWriter::AddEndOfHeader(Slot& slot) {
  Add(slot, newlines_ == Newlines::kCrlf ? "\r\n" : "\n");
}

void ContentWriter::AddBody(Slot& slot, char* piece, std::size_t bytes) {
  if (bytes == 0) return;
  if (newlines_ == Newlines::kLf) {
    if (slot.held_cr && piece[0] != '\n') Add(slot, "\r");
    slot.held_cr = false;
    bytes = ToLineFeeds(piece, bytes, &slot.held_cr);
  }
  Add(slot, {piece, bytes});
}

bool ContentWriter::Flush(Slot& slot) {
  if (count_ > 0) {
    off_t wanted = 0;
    for (int i = 0; i < count_; ++i)
      wanted += static_cast<off_t>(pieces_[static_cast<std::size_t>(i)].iov_len);
    if (::pwritev(slot.file, pieces_.data(), count_, slot.bytes) != wanted) failed_ = true;
    slot.bytes += wanted;
    count_ = 0;
  }
  return !failed_;
}

bool ContentWriter::Seal(Slot& slot) {
  if (slot.held_cr) Add(slot, "\r");
  const bool good = Flush(slot) && ::ftruncate(slot.file, slot.bytes) == 0;
  slot.held_cr = failed_ = false;
  slot.bytes = 0;
  return good;
}

}  // namespace millrace_floor
