// A slot of the spool: one directory and its one file, which a message owns from Take() to
// GiveBack(), and the table that all slots of a shard live in.
//
//   one text per slot, never moved:   /var/spool/work/inst/0/s00042/email.txt
//                                     |---- root ----------|-name-|
//                                     |---- directory() ---------|
//                                     |---- mail_file() ------------------|
//
// Names are "s" and a serial number of at least five digits that only goes up: a directory that
// could not be removed never meets a new slot of the same name. No outside string is part of one.
// Limits: SlotTable holds `slots_max` records; texts are as long as the root asks for. Both are
// mapped once and touched as slots are first used. One thread (the owner's shard).
//
// A slot carries the one asynchronous operation that it may have under way (spool_async.cc). While
// op_in_flight(), nothing else is done to its directory or file.
#ifndef MILLRACE_ENGINE_SPOOL_SPOOL_SLOT_H_
#define MILLRACE_ENGINE_SPOOL_SPOOL_SLOT_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "engine/base/intrusive_list.h"
#include "engine/base/slab.h"
#include "engine/base/units.h"
#include "engine/spool/spool_work.h"

namespace engine {

struct SpoolSlotTag;
struct SpoolWaiterTag;
class Spool;
class SpoolSlot;
enum class SpoolRefusal : std::uint8_t;

// Who waits for asynchronous file work: for a slot (Spool::Take), or for a write or a seal of the
// slot in its hands. Each wait is told exactly once and never inside the call that began it, unless
// it ends before by Spool::CancelWait() or Spool::GiveBack(). A waiter waits for one thing at once.
class SpoolWaiter : public ListLink<SpoolWaiterTag> {
 public:
  // `slot`: taken, as by Spool::Take(); nullptr: refused, and why.
  virtual void OnSlot(SpoolSlot* slot, SpoolRefusal why) noexcept = 0;
  // 0, or the errno of the write or seal.
  virtual void OnFileWork(int error) noexcept = 0;

 protected:
  ~SpoolWaiter() = default;
};

// What a slot's operation is for.
enum class SpoolStep : std::uint8_t {
  kMake,
  kWrite,
  kSealCut,    // to the exact length
  kSealClose,  // reuse off
  kLook,
  kCutKept,  // looked at and good, but too large to be kept
  kCutIdle,
  kRemove,
};

struct SlotOp : SpoolOp {
  Spool* spool = nullptr;
  SpoolSlot* owner = nullptr;
  SpoolWaiter* waiter = nullptr;
  Bytes block;    // kWrite: of SpoolWork's
  iovec piece{};  // kWrite: what of the block is not written yet
  SpoolStep step = SpoolStep::kMake;
  int names_tried = 0;  // kMake
};

class SpoolSlot : public ListLink<SpoolSlotTag> {
 public:
  // kMaking, kReturning (look, truncate) and kRemoving: an operation of the spool's own is under
  // way. kDraining: given back by its message while one of the message's is.
  enum class State : std::uint8_t {
    kFree,
    kTaken,
    kDraining,
    kRetired,
    kMaking,
    kReturning,
    kRemoving
  };

  SpoolSlot() noexcept = default;

  std::string_view name() const noexcept { return {text_ + root_bytes_ + 1, name_bytes_}; }
  // Absolute, without a slash at the end; stable as long as the slot exists.
  std::string_view directory() const noexcept {
    return {text_, std::size_t{root_bytes_} + 1U + name_bytes_};
  }
  // Absolute: directory() + "/email.txt".
  std::string_view mail_file() const noexcept { return {text_, text_bytes_}; }

  int file() const noexcept { return file_; }                // -1 once sealed with reuse off
  std::uint64_t length() const noexcept { return length_; }  // octets of the present message
  std::uint32_t generation() const noexcept { return generation_; }  // one more at each Take()
  State state() const noexcept { return state_; }

  bool op_in_flight() const noexcept { return op_in_flight_; }

  // `bytes` more have been written at length() by another way than SpoolWriter (splice, a FileOp).
  void Advance(std::uint64_t bytes) noexcept {
    length_ += bytes;
    if (length_ > file_bytes_) file_bytes_ = length_;
  }

 private:
  friend class Spool;
  friend class SlotTable;

  char* text_ = nullptr;
  std::uint64_t length_ = 0;
  // The file's size at most: what it may hold of earlier messages. Exact where every write and
  // truncate has succeeded, and after each look.
  std::uint64_t file_bytes_ = 0;
  Time since_{};  // free: since when; retired: when its removal is tried again
  int file_ = -1;
  std::uint32_t generation_ = 0;
  std::uint32_t size_seen_ = 0;  // the generation after whose use file_bytes_ was seen; 0: made
  std::uint16_t text_bytes_ = 0;
  std::uint16_t root_bytes_ = 0;
  std::uint8_t name_bytes_ = 0;
  State state_ = State::kTaken;
  bool op_in_flight_ = false;
  SlotOp op_;
};

class SlotTable {
 public:
  // `root`: absolute, at most kRootMaxBytes, outlives the table. slots_max: 1 .. kSlotsMax.
  SlotTable(std::string_view root, std::uint32_t slots_max) noexcept;
  ~SlotTable();
  SlotTable(const SlotTable&) = delete;
  SlotTable& operator=(const SlotTable&) = delete;

  static constexpr std::size_t kRootMaxBytes = 3072;  // below PATH_MAX with all that follows
  static constexpr std::uint32_t kSlotsMax = 1U << 20U;
  static constexpr std::size_t kNameMaxBytes = 11;  // "s" and 32 bits in decimal

  SpoolSlot* Make() noexcept;             // with the next name; nullptr when all records are in use
  void Rename(SpoolSlot& slot) noexcept;  // gives it the next name (the former one exists already)
  void Free(SpoolSlot& slot) noexcept { slots_.Free(slot); }

  std::uint32_t in_use() const noexcept { return slots_.in_use(); }
  template <typename Visit>
  void ForEach(Visit&& visit) noexcept {
    slots_.ForEach(visit);
  }

 private:
  Slab<SpoolSlot> slots_;
  std::size_t text_stride_;
  char* texts_;  // slots_max times text_stride_, by the record's index
  std::string_view root_;
  std::size_t texts_bytes_;
  std::uint32_t next_serial_ = 0;
};

}  // namespace engine

#endif  // MILLRACE_ENGINE_SPOOL_SPOOL_SLOT_H_
