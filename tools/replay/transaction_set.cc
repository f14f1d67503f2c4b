// Files to transactions; the JSON itself is read in replay_json.cc.
#include "tools/replay/transaction_set.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "engine/base/absl_text.h"
#include "tools/scanner/signatures.h"

namespace replay {
namespace {

constexpr std::string_view kOctetMark = "<U+00";
constexpr std::size_t kOctetMarkBytes = 8;  // "<U+00e9>"
constexpr std::string_view kFillLine =
    "The quick brown fox jumps over the lazy dog, again and again.\r\n";

absl::StatusOr<std::string> ReadWhole(const std::filesystem::path& path) {
  std::error_code error;
  const std::uintmax_t bytes = std::filesystem::file_size(path, error);
  if (error) return absl::NotFoundError(absl::StrCat(path.string(), ": ", error.message()));
  if (bytes > kMessageBytesMax)
    return absl::InvalidArgumentError(absl::StrCat(path.string(), ": too large"));
  std::ifstream file(path, std::ios::binary);
  if (!file) return absl::NotFoundError(absl::StrCat(path.string(), ": cannot be read"));
  return std::string(std::istreambuf_iterator<char>(file), {});
}

absl::StatusOr<NamedTransaction> Load(const std::filesystem::path& json_path) {
  absl::StatusOr<std::string> json = ReadWhole(json_path);
  if (!json.ok()) return json.status();
  std::filesystem::path message_path = json_path;
  absl::StatusOr<std::string> message = ReadWhole(message_path.replace_extension(".eml"));
  if (!message.ok()) return message.status();
  NamedTransaction named{.name = json_path.stem().string()};
  std::size_t body_bytes = 0;
  const absl::Status status = ReadEnvelope(*json, &named, &body_bytes);
  if (!status.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(json_path.string(), ": ", status.message()));
  }
  milter::SplitMessage(ExpandMarks(*message), &named.transaction);
  FillBody(body_bytes, &named.transaction.body);
  return named;
}

}  // namespace

std::string ExpandMarks(std::string_view text) {
  const std::string eicar = scanner::EicarSignature();
  std::string out = absl::StrReplaceAll(engine::ToAbsl(text),
                                        {{"@EICAR@", eicar},
                                         {"@EICAR-BASE64@", absl::Base64Escape(eicar)},
                                         {"@GTUBE@", scanner::GtubeSignature()}});
  for (std::size_t at = 0; (at = out.find(kOctetMark, at)) != std::string::npos; ++at) {
    const std::string digits = out.substr(at + kOctetMark.size(), 2);
    const bool closed = at + kOctetMarkBytes <= out.size() && out[at + kOctetMarkBytes - 1] == '>';
    if (!closed || digits.find_first_not_of("0123456789abcdefABCDEF") != std::string::npos)
      continue;
    out.replace(at, kOctetMarkBytes, absl::HexStringToBytes(digits));
  }
  return out;
}

void FillBody(std::size_t bytes, std::string* body) {
  body->reserve(std::max(bytes, body->size()));
  while (body->size() < bytes) {
    const std::size_t room = bytes - body->size();
    if (room >= kFillLine.size()) {
      body->append(kFillLine);
    } else {
      body->append(room > 2 ? kFillLine.substr(0, room - 2) : "");
      body->append(std::string_view("\r\n").substr(room == 1 ? 1 : 0));
    }
  }
}

absl::StatusOr<std::vector<NamedTransaction>> LoadTransactions(
    const std::string& folder, const std::vector<std::string>& only) {
  std::error_code error;
  std::vector<std::filesystem::path> paths;
  for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::filesystem::path& path = entry->path();
    const bool wanted =
        only.empty() || std::find(only.begin(), only.end(), path.stem().string()) != only.end();
    if (path.extension() == ".json" && wanted) paths.push_back(path);
  }
  if (error) return absl::NotFoundError(absl::StrCat(folder, ": ", error.message()));
  if (paths.empty()) return absl::NotFoundError(absl::StrCat(folder, ": no such transactions"));
  if (paths.size() > kTransactionsMax)
    return absl::InvalidArgumentError(absl::StrCat(folder, ": too many transactions"));
  std::sort(paths.begin(), paths.end());
  std::vector<NamedTransaction> all;
  for (const std::filesystem::path& path : paths) {
    absl::StatusOr<NamedTransaction> named = Load(path);
    if (!named.ok()) return named.status();
    all.push_back(*std::move(named));
  }
  return all;
}

}  // namespace replay
