// Reads the golden transcripts; tests run in the source folder.
#include "tests/milter/golden.h"

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "tests/milter/session_probe.h"

namespace milter {
namespace {

void ReadTranscript(const std::filesystem::path& path, std::vector<GoldenConnection>* out) {
  std::ifstream file(path, std::ios::binary);
  std::string line;
  bool sendmail = false;
  while (std::getline(file, line)) {
    if (line.starts_with('#')) {
      sendmail = line.find(": Sendmail") != std::string::npos;
    } else if (line.starts_with("connection ")) {
      out->push_back({path.stem().string() + "/" + line.substr(11), sendmail, {}});
    } else if (line.size() >= 3 && !out->empty()) {
      const std::string payload = line.size() > 4 ? line.substr(4) : "";
      out->back().packets.push_back({line[0] == '>', line[2], Unescape(payload)});
    }
  }
}

std::vector<GoldenConnection> ReadAll() {
  std::vector<std::filesystem::path> paths;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("tests/golden/milter", error)) {
    if (entry.path().extension() == ".milter") paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  std::vector<GoldenConnection> all;
  for (const std::filesystem::path& path : paths)
    ReadTranscript(path, &all);
  return all;
}

}  // namespace

const std::vector<GoldenConnection>& GoldenConnections() {
  static const std::vector<GoldenConnection> kAll = ReadAll();
  return kAll;
}

}  // namespace milter
