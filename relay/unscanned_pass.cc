// Finds what claims a scan, numbers it by name, deletes it.
#include "relay/unscanned_pass.h"

#include <algorithm>

#include "engine/base/check.h"
#include "relay/header_name.h"

namespace relay {

bool UnscannedPass::Claims(std::string_view name) const noexcept {
  return StartsWithName(name, "x-spam-") || SameName(name, "x-virus-scanned") ||
         (!options_.mark_name.empty() && SameName(name, options_.mark_name));
}

bool UnscannedPass::Prepare() noexcept {
  std::size_t count = 0;
  for (const HeaderName* h = message_.headers; h != nullptr; h = h->next)
    count += Claims(h->name) ? 1 : 0;
  if (count == 0) return true;
  forged_ = message_.arena.MakeArray<Field>(count);
  if (forged_.empty()) return false;
  std::uint32_t found = 0;
  for (const HeaderName* h = message_.headers; h != nullptr; h = h->next) {
    if (Claims(h->name)) forged_[found] = {.name = h->name, .index = found};
    found += Claims(h->name) ? 1 : 0;
  }
  // Their place in the message is the order within one name.
  std::sort(forged_.begin(), forged_.end(), [](const Field& a, const Field& b) {
    if (NameBefore(a.name, b.name)) return true;
    return !NameBefore(b.name, a.name) && a.index < b.index;
  });
  for (std::size_t i = 0; i < count; ++i) {
    const bool again = i > 0 && SameName(forged_[i].name, forged_[i - 1].name);
    forged_[i].index = again ? forged_[i - 1].index + 1 : 1;
  }
  return true;
}

bool UnscannedPass::Write(milter::ReplyWriter& out) const noexcept {
  for (std::size_t i = forged_.size(); i > 0; --i) {
    const Field& field = forged_[i - 1];
    // What is no field name for the mail server is no field that a reader would believe.
    [[maybe_unused]] const bool written = out.DeleteHeader(field.index, field.name);
  }
  const bool marked =
      options_.mark_name.empty() || out.InsertHeader(0, options_.mark_name, options_.mark_value);
  // The mail server has granted it, and the reason is ours: anything else would deliver.
  ENGINE_CHECK(options_.quarantine.empty() || out.Quarantine(options_.quarantine));
  out.Continue();
  return marked;
}

}  // namespace relay
