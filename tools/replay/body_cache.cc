// A list in the order of use, and a map into it.
#include "tools/replay/body_cache.h"

namespace replay {
namespace {

constexpr std::size_t kShareOfOne = 4;

}  // namespace

BodyCache::Body BodyCache::Find(const trace::ContentHash& hash) {
  const auto found = by_hash_.find(hash);
  if (found == by_hash_.end()) return nullptr;
  kept_.splice(kept_.begin(), kept_, found->second);
  return found->second->body;
}

void BodyCache::Keep(const trace::ContentHash& hash, const Body& body) {
  if (body->size() > bytes_max_ / kShareOfOne || by_hash_.contains(hash)) return;
  kept_.push_front({hash, body});
  by_hash_[hash] = kept_.begin();
  bytes_ += body->size();
  while (bytes_ > bytes_max_) {
    bytes_ -= kept_.back().body->size();
    by_hash_.erase(kept_.back().hash);
    kept_.pop_back();
  }
}

}  // namespace replay
