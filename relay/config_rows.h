// Makes rows of the key table from pointers to members: the member's type says how the value is
// read and written.
//
//   Row<&EngineConfig::shards>("shards", {.max = kShardsMax}, OnReload::kRestart, "Threads ...")
#ifndef MILLRACE_RELAY_CONFIG_ROWS_H_
#define MILLRACE_RELAY_CONFIG_ROWS_H_

#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "relay/config_keys.h"

namespace relay {

// What a row may say beside the name. `choices` of an enum in the order of its values from 0 on.
struct RowLimits {
  std::int64_t min = 0;
  std::int64_t max = 0;
  std::span<const std::string_view> choices{};
  std::string (*check)(std::string_view text) = nullptr;
  bool is_size = false;  // a number of bytes
};

// Each answers what is wrong, empty when nothing is.
std::string ReadFlag(const Key& key, const KeyValue& value, bool* to);
std::string ReadInteger(const Key& key, const KeyValue& value, std::int64_t* to);
std::string ReadTextValue(const Key& key, const KeyValue& value, std::string* to);
std::string ReadModeValue(const Key& key, const KeyValue& value, std::optional<std::uint32_t>* to);
std::string ReadNames(const Key& key, const KeyValue& value, std::vector<std::string>* to);

std::string IntegerText(const Key& key, std::int64_t value);
std::string QuotedText(std::string_view text);
std::string ModeText(const std::optional<std::uint32_t>& mode);
std::string NamesText(const std::vector<std::string>& names);

// Texts that rows check.
std::string CheckSocket(std::string_view text);    // a form of engine/net/address.h, absolute
std::string CheckPath(std::string_view text);      // absolute
std::string CheckName(std::string_view text);      // of a listener, scanner, group
std::string CheckBankName(std::string_view text);  // of a policy bank
std::string CheckNotEmpty(std::string_view text);
std::string CheckNetwork(std::string_view text);  // relay/client_key.h

template <typename S>
struct SectionOfStruct;
template <>
struct SectionOfStruct<ProgramConfig> : std::integral_constant<Section, Section::kProgram> {};
template <>
struct SectionOfStruct<EngineConfig> : std::integral_constant<Section, Section::kEngine> {};
template <>
struct SectionOfStruct<SpoolConfig> : std::integral_constant<Section, Section::kSpool> {};
template <>
struct SectionOfStruct<LogConfig> : std::integral_constant<Section, Section::kLog> {};
template <>
struct SectionOfStruct<QuotaConfig> : std::integral_constant<Section, Section::kQuota> {};
template <>
struct SectionOfStruct<QueueConfig> : std::integral_constant<Section, Section::kQueue> {};
template <>
struct SectionOfStruct<MetricsConfig> : std::integral_constant<Section, Section::kMetrics> {};
template <>
struct SectionOfStruct<ControlConfig> : std::integral_constant<Section, Section::kControl> {};
template <>
struct SectionOfStruct<ListenerConfig> : std::integral_constant<Section, Section::kListener> {};
template <>
struct SectionOfStruct<ScannerConfig> : std::integral_constant<Section, Section::kScanner> {};
template <>
struct SectionOfStruct<ScannerGroupConfig>
    : std::integral_constant<Section, Section::kScannerGroup> {};

template <typename M>
struct MemberOf;
template <typename S, typename V>
struct MemberOf<V S::*> {
  using Struct = S;
  using Value = V;
};

// The member of a member of ...: Row<&ListenerConfig::rules, &Rules::reachable>.
template <auto first, auto... rest>
constexpr auto& At(auto& place) {
  if constexpr (sizeof...(rest) == 0) {
    return place.*first;
  } else {
    return At<rest...>(place.*first);
  }
}
template <auto first, auto... rest>
struct PathOf {
  using Struct = typename MemberOf<decltype(first)>::Struct;
  using Value = typename PathOf<rest...>::Value;
};
template <auto last>
struct PathOf<last> : MemberOf<decltype(last)> {};

template <typename V>
constexpr KeyType TypeOf(bool is_size) {
  if constexpr (std::is_same_v<V, bool>) return KeyType::kFlag;
  if constexpr (std::is_same_v<V, std::string>) return KeyType::kText;
  if constexpr (std::is_same_v<V, std::vector<std::string>>) return KeyType::kNames;
  if constexpr (std::is_same_v<V, std::optional<std::uint32_t>>) return KeyType::kMode;
  if constexpr (std::is_same_v<V, Seconds>) return KeyType::kTime;
  if constexpr (std::is_enum_v<V>) return KeyType::kChoice;
  return is_size ? KeyType::kSize : KeyType::kNumber;
}

template <auto... members>
std::string SetMember(const Key& key, const KeyValue& value, void* section) {
  using V = typename PathOf<members...>::Value;
  V& place = At<members...>(*static_cast<typename PathOf<members...>::Struct*>(section));
  if constexpr (std::is_same_v<V, bool>) {
    return ReadFlag(key, value, &place);
  } else if constexpr (std::is_same_v<V, std::string>) {
    return ReadTextValue(key, value, &place);
  } else if constexpr (std::is_same_v<V, std::vector<std::string>>) {
    return ReadNames(key, value, &place);
  } else if constexpr (std::is_same_v<V, std::optional<std::uint32_t>>) {
    return ReadModeValue(key, value, &place);
  } else {
    std::int64_t number = 0;
    std::string error = ReadInteger(key, value, &number);
    if (error.empty()) place = static_cast<V>(number);
    return error;
  }
}

template <auto... members>
std::string MemberText(const Key& key, const void* section) {
  using V = typename PathOf<members...>::Value;
  const V& place =
      At<members...>(*static_cast<const typename PathOf<members...>::Struct*>(section));
  if constexpr (std::is_same_v<V, bool>) {
    return place ? "true" : "false";
  } else if constexpr (std::is_same_v<V, std::string>) {
    return QuotedText(place);
  } else if constexpr (std::is_same_v<V, std::vector<std::string>>) {
    return NamesText(place);
  } else if constexpr (std::is_same_v<V, std::optional<std::uint32_t>>) {
    return ModeText(place);
  } else if constexpr (std::is_same_v<V, Seconds>) {
    return IntegerText(key, place.count());
  } else {
    return IntegerText(key, static_cast<std::int64_t>(place));
  }
}

template <auto... members>
constexpr Key Row(std::string_view name, RowLimits limits, OnReload reload, std::string_view doc) {
  using P = PathOf<members...>;
  return {SectionOfStruct<typename P::Struct>::value,
          name,
          TypeOf<typename P::Value>(limits.is_size),
          reload,
          doc,
          limits.min,
          limits.max,
          limits.choices,
          limits.check,
          &SetMember<members...>,
          &MemberText<members...>};
}

}  // namespace relay

#endif  // MILLRACE_RELAY_CONFIG_ROWS_H_
