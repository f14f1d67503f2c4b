// The bodies that were read last, by their content: messages of a trace often have the same one.
//
// Limit: `bytes_max` of bodies are kept, the ones not asked for longest go first; a body that is in
// use somewhere lives on there. A body larger than a quarter of it is not kept at all. One thread.
#ifndef MILLRACE_TOOLS_REPLAY_BODY_CACHE_H_
#define MILLRACE_TOOLS_REPLAY_BODY_CACHE_H_

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <string>

#include "tools/trace/record.h"

namespace replay {

class BodyCache {
 public:
  using Body = std::shared_ptr<const std::string>;

  explicit BodyCache(std::size_t bytes_max) : bytes_max_(bytes_max) {}

  // nullptr: not there.
  Body Find(const trace::ContentHash& hash);
  void Keep(const trace::ContentHash& hash, const Body& body);
  std::size_t bytes() const noexcept { return bytes_; }

 private:
  struct Kept {
    trace::ContentHash hash{};
    Body body{};
  };

  const std::size_t bytes_max_;
  std::size_t bytes_ = 0;
  std::list<Kept> kept_;  // asked for last comes first
  std::map<trace::ContentHash, std::list<Kept>::iterator> by_hash_;
};

}  // namespace replay

#endif  // MILLRACE_TOOLS_REPLAY_BODY_CACHE_H_
