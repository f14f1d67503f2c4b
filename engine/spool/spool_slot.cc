// The table of slot records and their texts. See spool_slot.h.
#include "engine/spool/spool_slot.h"

#include <sys/mman.h>

#include <charconv>
#include <cstring>

#include "engine/base/check.h"
#include "engine/io/disk.h"

namespace engine {
namespace {

constexpr std::size_t kDigitsMin = 5;

// "s00042" at `to`; answers its length.
std::size_t WriteName(std::uint32_t serial, char* to) noexcept {
  char digits[SlotTable::kNameMaxBytes];
  const auto* const end = std::to_chars(digits, digits + sizeof digits, serial).ptr;
  const auto count = static_cast<std::size_t>(end - digits);
  const std::size_t zeros = count < kDigitsMin ? kDigitsMin - count : 0;
  to[0] = 's';
  std::memset(to + 1, '0', zeros);
  std::memcpy(to + 1 + zeros, digits, count);
  return 1 + zeros + count;
}

}  // namespace

SlotTable::SlotTable(std::string_view root, std::uint32_t slots_max) noexcept
    : slots_(slots_max),
      text_stride_(root.size() + 1 + kNameMaxBytes + 1 + Disk::kSlotFileName.size()),
      root_(root),
      texts_bytes_(text_stride_ * slots_max) {
  ENGINE_CHECK(!root.empty() && root.front() == '/' && root.back() != '/');
  ENGINE_CHECK(root.size() <= kRootMaxBytes);
  ENGINE_CHECK(slots_max <= kSlotsMax);
  void* map = ::mmap(nullptr,
                     texts_bytes_,
                     PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                     -1,
                     0);
  ENGINE_CHECK(map != MAP_FAILED);
  texts_ = static_cast<char*>(map);
}

SlotTable::~SlotTable() {
  ::munmap(texts_, texts_bytes_);
}

SpoolSlot* SlotTable::Make() noexcept {
  SpoolSlot* slot = slots_.Make();
  if (slot == nullptr) return nullptr;
  slot->text_ = texts_ + text_stride_ * slots_.HandleOf(*slot).index;
  root_.copy(slot->text_, root_.size());
  slot->text_[root_.size()] = '/';
  slot->root_bytes_ = static_cast<std::uint16_t>(root_.size());
  Rename(*slot);
  return slot;
}

void SlotTable::Rename(SpoolSlot& slot) noexcept {
  char* const name = slot.text_ + root_.size() + 1;
  const std::size_t name_bytes = WriteName(next_serial_++, name);
  ENGINE_CHECK(next_serial_ != 0);  // 2^32 directories made: a name would come a second time
  name[name_bytes] = '/';
  Disk::kSlotFileName.copy(name + name_bytes + 1, Disk::kSlotFileName.size());
  slot.name_bytes_ = static_cast<std::uint8_t>(name_bytes);
  slot.text_bytes_ =
      static_cast<std::uint16_t>(root_.size() + 1 + name_bytes + 1 + Disk::kSlotFileName.size());
}

}  // namespace engine
