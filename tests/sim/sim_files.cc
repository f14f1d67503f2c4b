// See sim_files.h.
#include "tests/sim/sim_files.h"

namespace sim {

bool SimFiles::MakeDir(const std::string& path) {
  return entries_.emplace(path, nullptr).second;
}

SimFilePtr SimFiles::Find(const std::string& path) const {
  const auto at = entries_.find(path);
  return at == entries_.end() ? nullptr : at->second;
}

SimFilePtr SimFiles::MakeFile(const std::string& path) {
  auto file = std::make_shared<SimFile>();
  if (!entries_.emplace(path, file).second) return nullptr;
  file->links = 1;
  return file;
}

bool SimFiles::WriteFile(const std::string& path, std::string_view content) {
  SimFilePtr file = Find(path);
  if (file == nullptr) file = MakeFile(path);
  if (file == nullptr) return false;  // a directory
  file->content = content;
  return true;
}

std::optional<std::string> SimFiles::ReadFile(const std::string& path) const {
  const SimFilePtr file = Find(path);
  if (file == nullptr) return std::nullopt;
  return file->content;
}

bool SimFiles::Link(const std::string& from, const std::string& to) {
  const SimFilePtr file = Find(from);
  if (file == nullptr || !entries_.emplace(to, file).second) return false;
  ++file->links;
  return true;
}

bool SimFiles::Remove(const std::string& path) {
  const auto at = entries_.find(path);
  if (at == entries_.end() || at->second == nullptr) return false;
  --at->second->links;
  entries_.erase(at);
  return true;
}

bool SimFiles::RemoveTree(const std::string& path) {
  const std::string below = path + "/";
  for (auto at = entries_.lower_bound(below); at != entries_.end();) {
    if (at->first.compare(0, below.size(), below) != 0) break;
    if (at->second != nullptr) --at->second->links;
    at = entries_.erase(at);
  }
  return entries_.erase(path) != 0;
}

std::vector<std::string> SimFiles::List(const std::string& path) const {
  std::vector<std::string> names;
  const std::string below = path + "/";
  for (auto at = entries_.lower_bound(below); at != entries_.end(); ++at) {
    if (at->first.compare(0, below.size(), below) != 0) break;
    if (at->first.find('/', below.size()) == std::string::npos)
      names.push_back(at->first.substr(below.size()));
  }
  return names;
}

SimFilePtr SimFiles::Hold(const std::string& path) {
  SimFilePtr file = Find(path);
  if (file != nullptr) ++file->held;
  return file;
}

std::vector<std::string> SimFiles::FilesWith(std::string_view marker) const {
  std::vector<std::string> paths;
  for (const auto& [path, file] : entries_) {
    if (file != nullptr && file->content.find(marker) != std::string::npos) paths.push_back(path);
  }
  return paths;
}

std::uint64_t SimFiles::bytes_used() const {
  std::uint64_t bytes = 0;
  for (const auto& [path, file] : entries_) {
    if (file != nullptr) bytes += file->content.size() / static_cast<std::size_t>(file->links);
  }
  return bytes;
}

}  // namespace sim
