// What is in a trace, in figures.
//
// Percentiles come from histograms of 0.8 % precision (engine/base/histogram.h), rounded up. Gaps
// between arrivals are those of the connections' and the messages' beginnings in order of time.
// Works on a file that is being written: what is there by then. Memory: one record, and 8 octets
// for each of the first kTimesMax sessions and messages.
#ifndef MILLRACE_TOOLS_RECORD_INFO_H_
#define MILLRACE_TOOLS_RECORD_INFO_H_

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "engine/base/histogram.h"
#include "tools/record/trace_walk.h"

namespace record {

inline constexpr std::size_t kTimesMax = 50'000'000;
inline constexpr int kInfoFormatVersion = 1;

using Distribution = engine::BasicHistogram<7>;

struct TraceInfo {
  WalkResult walk{};
  std::uint64_t file_bytes = 0;
  std::vector<std::string> sources{};  // of the meta records, each once
  std::string program{};               // of the first
  std::string end_reason{};            // empty: there is no end record, it may be being written

  std::uint64_t first_us = 0;  // 0: nothing has a time
  std::uint64_t last_us = 0;
  std::uint64_t sessions = 0;
  std::uint64_t closes = 0;
  std::uint64_t transactions = 0;
  std::uint64_t scans = 0;
  std::uint64_t not_understood = 0;  // packets
  std::map<std::string, std::uint64_t> verdicts{};
  std::map<std::string, std::uint64_t> endings{};
  std::map<std::string, std::uint64_t> captured{};
  std::map<std::string, std::uint64_t> versions{};  // negotiated, "6"
  std::map<std::string, std::uint64_t> mail_servers{};

  // Distinct ones; stored: as they are in the file.
  std::uint64_t bodies = 0;
  std::uint64_t body_bytes = 0;
  std::uint64_t body_stored_bytes = 0;
  std::uint64_t records_bytes = 0;  // all records without bodies, decompressed
  std::uint64_t records_stored_bytes = 0;
  std::uint64_t message_bytes = 0;  // of all messages, as in an SMTP transfer

  // Octets, counts, microseconds. Boxes: each takes 58 KiB.
  struct Figure {
    std::string name;   // "message_octets"
    std::string title;  // "message size"
    std::string unit;   // "octets", "us", ""
    std::unique_ptr<Distribution> values = std::make_unique<Distribution>();
  };
  std::vector<Figure> figures{};
};

TraceInfo Inspect(trace::TraceReader& reader);

// For people, with line ends; and one JSON object ("format": "millrace-info").
std::string InfoText(const std::string& file, const TraceInfo& info);
std::string InfoJson(const std::string& file, const TraceInfo& info);

}  // namespace record

#endif  // MILLRACE_TOOLS_RECORD_INFO_H_
