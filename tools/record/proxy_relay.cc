// See proxy_relay.h.
#include "tools/record/proxy_relay.h"

#include <memory>
#include <utility>

namespace record {
namespace {

constexpr std::size_t kPoolBytesMax = 64 * engine::kMiB;  // one request is parsed at a time

}  // namespace

ProxyRelay::ProxyRelay(engine::Loop& loop, const RelayOptions& options)
    : loop_(loop), options_(options), pool_(kPoolBytesMax), links_(options.connections_max) {
  gates_[0] = {this, LinkKind::kMilter};
  gates_[1] = {this, LinkKind::kAmpdp};
  scans_.recorder = options.recorder;
  scans_.copier = options.copier;
  scans_.pool = &pool_;
  world_.loop = &loop;
  if (options.pipe != nullptr && options.copy != nullptr) {
    world_.pipe = options.pipe;
    world_.copy = options.copy;
    world_.splice_from_bytes = options.splice_from_bytes;
    world_.room.resize(kPieceBytesMax);
  }
  world_.context = this;
  world_.now_us = [](void* context) noexcept { return static_cast<ProxyRelay*>(context)->NowUs(); };
  world_.ended = [](void* context, ProxyLink& link) noexcept {
    static_cast<ProxyRelay*>(context)->links_.Free(link);
  };
}

ProxyRelay::~ProxyRelay() {
  StopListening();
  StopLinks();
}

std::uint64_t ProxyRelay::NowUs() const noexcept {
  if (options_.now_us != nullptr) return options_.now_us();
  return static_cast<std::uint64_t>(loop_.now().count()) / 1000;
}

void ProxyRelay::Listen(int fd, LinkKind kind) {
  listening_.push_back(fd);
  loop_.Listen(
      fd,
      [](void* context, int accepted) noexcept {
        const Gate& gate = *static_cast<Gate*>(context);
        gate.relay->Accept(accepted, gate.kind);
      },
      &gates_[static_cast<std::size_t>(kind)]);
}

void ProxyRelay::StopListening() {
  for (const int fd : listening_)
    loop_.StopListening(fd);
  listening_.clear();
}

void ProxyRelay::StopLinks() noexcept {
  links_.ForEach([](ProxyLink& link) { link.Stop(); });
}

void ProxyRelay::Accept(int fd, LinkKind kind) noexcept {
  ++counts_.accepted;
  if (links_.in_use() == links_.capacity()) {
    ++counts_.refused;
    loop_.Close(loop_.Adopt(fd, nobody_, engine::ReadMode::kPaused));
    return;
  }
  std::unique_ptr<ProxyTap> tap;
  if (kind == LinkKind::kMilter) {
    tap = std::make_unique<SessionTap>(*options_.recorder, NowUs());
  } else {
    tap = std::make_unique<AmpdpTap>(scans_, NowUs());
  }
  ProxyLink* const link = links_.Make(world_, std::move(tap));
  link->Open(fd, options_.to[static_cast<std::size_t>(kind)]);
}

}  // namespace record
