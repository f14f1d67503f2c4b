// Views of a text, and what is looked for in them.
#include "tests/tools/anonymise_leaks.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>

#include "tools/anonymise/base64_text.h"
#include "tools/anonymise/escaped_text.h"
#include "tools/anonymise/octets.h"
#include "tools/scanner/mime_decode.h"

namespace anonymise {
namespace {

std::string Lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), ToLower);
  return text;
}

template <typename Keep>
std::string Only(std::string_view text, Keep keep) {
  std::string out;
  std::copy_if(text.begin(), text.end(), std::back_inserter(out), keep);
  return out;
}

std::string Unescaped(std::string_view text, char escape) {
  EscapedText escaped(escape);
  escaped.Decode(text);
  return std::string(View(escaped.octets()));
}

// "&#122;" to "z".
std::string WithoutEntities(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    std::size_t end = at + 2;
    int value = 0;
    while (text.substr(at).starts_with("&#") && end < text.size() && IsDigit(text[end]))
      value = value * 10 % 1000 + (text[end++] - '0');
    const bool entity = end > at + 2 && end < text.size() && text[end] == ';';
    out.push_back(entity ? static_cast<char>(value) : text[at]);
    if (entity) at = end;
  }
  return out;
}

// Each run of base64, line ends within it passed over, decoded from four places on.
void AddBase64(std::string_view text, std::vector<std::string>* views) {
  constexpr std::size_t kRunMin = 7;
  for (std::size_t at = 0; at < text.size(); ++at) {
    std::size_t end = at;
    while (end < text.size() && (IsBase64(text[end]) || IsSpace(text[end])))
      ++end;
    if (end - at >= kRunMin) {
      for (std::size_t shift = 0; shift < 4; ++shift) {
        std::string octets;
        scanner::DecodeBase64(text.substr(at + shift, end - at - shift), &octets);
        views->push_back(octets);
      }
    }
    at = std::max(at, end);
  }
}

const std::set<std::string, std::less<>>& Keywords() {
  static const std::set<std::string, std::less<>> kWords = [] {
    std::istringstream in(
        "a action alternative alt application arrival attachment auto base basic bit body boundary "
        "br charset class content delivery description disposition doctype encoding end failed "
        "flowed format from h head html http mixed id img img iso link list message mime multipart "
        "name p pdf plain precedence printable quoted replied report rfc src status style "
        "submitted "
        "table td text title to tr transfer type us ascii utf version www x x-spam yes us-ascii "
        "delsp begin gif image date sun mon tue wed thu fri sat nov utc gmt dns reporting mta "
        "smtp");
    return std::set<std::string, std::less<>>(std::istream_iterator<std::string>(in), {});
  }();
  return kWords;
}

// Letters of words that are no keywords.
std::size_t OwnLetters(std::string_view line) {
  std::size_t letters = 0;
  std::size_t at = 0;
  while (at < line.size()) {
    std::size_t end = at;
    while (end < line.size() && IsLetter(line[end]))
      ++end;
    if (!Keywords().contains(Lower(std::string(line.substr(at, end - at))))) letters += end - at;
    at = end + 1;
  }
  return letters;
}

}  // namespace

std::vector<CorpusFile> ReadCorpus() {
  std::vector<CorpusFile> files;
  std::error_code error;
  for (const auto& entry :
       std::filesystem::directory_iterator("tests/tools/anonymise_corpus", error)) {
    std::ifstream file(entry.path(), std::ios::binary);
    files.push_back(
        {entry.path().stem().string(), std::string(std::istreambuf_iterator<char>(file), {})});
  }
  std::sort(files.begin(), files.end(), [](const CorpusFile& a, const CorpusFile& b) {
    return a.name < b.name;
  });
  return files;
}

std::vector<std::string> DecodedViews(std::string_view text) {
  std::vector<std::string> views{std::string(text)};
  std::string decoded;
  scanner::DecodeQuotedPrintable(text, &decoded);
  views.push_back(decoded);
  views.push_back(Unescaped(text, '%'));
  views.push_back(Unescaped(text, '+'));
  views.push_back(WithoutEntities(text));
  views.push_back(Only(text, [](char c) { return c != '\0'; }));
  views.push_back(Only(text, [](char c) { return !IsSpace(c); }));
  AddBase64(text, &views);
  const std::size_t once = views.size();
  for (std::size_t i = 0; i < once; ++i)
    views.push_back(Only(views[i], [](char c) { return c != '\0'; }));
  std::transform(views.begin(), views.end(), views.begin(), Lower);
  return views;
}

std::vector<std::string> MarkersIn(std::string_view text) {
  std::vector<std::string> found;
  for (const std::string& view : DecodedViews(text)) {
    for (const std::string_view marker : kMarkers) {
      const std::size_t at = view.find(marker);
      if (at == std::string::npos) continue;
      found.push_back(std::string(marker) + ": " + view.substr(at < 20 ? 0 : at - 20, 60));
    }
  }
  return found;
}

std::vector<std::string> AddressesIn(std::string_view text) {
  std::set<std::string> found;
  for (const std::string& view : DecodedViews(text)) {
    for (std::size_t at = view.find('@'); at != std::string::npos; at = view.find('@', at + 1)) {
      const auto is_name = [](char c) { return IsWord(c) || c == '.' || c == '-' || c == '_'; };
      std::size_t begin = at;
      while (begin > 0 && is_name(view[begin - 1]))
        --begin;
      std::size_t end = at + 1;
      while (end < view.size() && is_name(view[end]))
        ++end;
      if (begin < at && end - at > 3) found.insert(view.substr(begin, end - begin));
    }
  }
  return {found.begin(), found.end()};
}

std::vector<std::string> TextLinesOf(std::string_view text) {
  constexpr std::size_t kLettersMin = 4;
  std::vector<std::string> lines;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    const std::size_t begin = line.find_first_not_of(" \t>");
    const std::size_t end = line.find_last_not_of(" \t\r");
    if (begin == std::string_view::npos || end < begin) continue;
    const std::string_view content = line.substr(begin, end + 1 - begin);
    if (OwnLetters(content) >= kLettersMin) lines.push_back(Lower(std::string(content)));
  }
  return lines;
}

std::string LineStructure(std::string_view text) {
  std::string structure(text);
  std::replace_if(
      structure.begin(), structure.end(), [](char c) { return c != '\r' && c != '\n'; }, '.');
  return structure;
}

std::string WithCrLf(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\n') out.push_back('\r');
    out.push_back(c);
  }
  return out;
}

}  // namespace anonymise
