// Members of a JSON object that may not be there, or not be what they should.
#ifndef MILLRACE_TOOLS_CTL_ANSWER_MEMBERS_H_
#define MILLRACE_TOOLS_CTL_ANSWER_MEMBERS_H_

#ifndef JSON_NOEXCEPTION
#define JSON_NOEXCEPTION
#endif
#include <nlohmann/json.hpp>
#include <string>

#include "tools/ctl/text_table.h"

namespace ctl {

using Json = nlohmann::ordered_json;

inline const Json& Member(const Json& object, const char* name) {
  static const Json kNothing;
  if (!object.is_object()) return kNothing;
  const auto found = object.find(name);
  return found != object.end() ? *found : kNothing;
}

inline double Number(const Json& object, const char* name) {
  const Json& member = Member(object, name);
  return member.is_number() ? member.get<double>() : 0;
}

inline bool Flag(const Json& object, const char* name) {
  const Json& member = Member(object, name);
  return member.is_boolean() && member.get<bool>();
}

// Without control characters: what a terminal does with them is not ours to find out.
inline std::string Printable(std::string text) {
  std::erase_if(text, [](char c) { return (c >= 0 && c < ' ') || c == '\x7f'; });
  return text;
}

inline std::string Text(const Json& object, const char* name) {
  const Json& member = Member(object, name);
  return member.is_string() ? Printable(member.get<std::string>()) : "";
}

inline std::string Count(const Json& object, const char* name) {
  return CountText(Number(object, name));
}
inline std::string Size(const Json& object, const char* name) {
  return SizeText(Number(object, name));
}
inline std::string Seconds(const Json& object, const char* name) {
  return SecondsText(Number(object, name));
}

// "name 1,234, name 5": those that are not 0, or "none".
inline std::string NamedCounts(const Json& counts) {
  std::string text;
  if (!counts.is_object()) return text;
  for (const auto& [name, value] : counts.items()) {
    if (!value.is_number() || value.get<double>() == 0) continue;
    text += text.empty() ? "" : ", ";
    text += Printable(name) + " " + CountText(value.get<double>());
  }
  return text.empty() ? "none" : text;
}

}  // namespace ctl

#endif  // MILLRACE_TOOLS_CTL_ANSWER_MEMBERS_H_
