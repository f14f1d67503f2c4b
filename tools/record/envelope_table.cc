// CSV by one pass over the text; JSON lines through record_json.cc.
#include "tools/record/envelope_table.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tools/record/address_list.h"
#include "tools/record/mail_date.h"

namespace record {
namespace {

constexpr std::size_t kColumnsMax = 64;

absl::Status Wrong(std::size_t line, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("line ", line, ": ", what));
}

// One row off `*text`; a quoted cell may hold line ends, which `*line` counts. False: an unclosed
// quote.
bool TakeRow(std::string_view* text, std::size_t* line, std::vector<std::string>* cells) {
  cells->assign(1, "");
  bool quoted = false;
  std::size_t at = 0;
  for (; at < text->size(); ++at) {
    const char c = (*text)[at];
    if (c == '\n') ++*line;
    if (quoted) {
      if (c != '"') {
        cells->back().push_back(c);
      } else if (at + 1 < text->size() && (*text)[at + 1] == '"') {
        cells->back().push_back((*text)[++at]);
      } else {
        quoted = false;
      }
    } else if (c == '"') {
      quoted = true;
    } else if (c == ',') {
      cells->emplace_back();
    } else if (c == '\n') {
      break;
    } else if (c != '\r') {
      cells->back().push_back(c);
    }
  }
  text->remove_prefix(std::min(at + 1, text->size()));
  return !quoted;
}

std::string Bracketed(const std::string& address) {
  return address.starts_with('<') ? address : absl::StrCat("<", address, ">");
}

absl::Status SetSender(const std::string& value, TableRow* row) {
  if (value.empty() || IsNullAddress(value)) {
    row->sender = "<>";
    return absl::OkStatus();
  }
  const std::vector<std::string> found = AddressesOf(value);
  if (found.size() != 1) return absl::InvalidArgumentError("sender is not one address");
  row->sender = Bracketed(found.front());
  return absl::OkStatus();
}

absl::Status AddRecipient(const std::string& value, TableRow* row) {
  const std::vector<std::string> found = AddressesOf(value);
  if (found.empty()) return absl::InvalidArgumentError("a recipient is no address");
  for (const std::string& address : found)
    row->recipients.push_back(Bracketed(address));
  return absl::OkStatus();
}

// What is not a row's key. Columns of other names are passed over.
absl::Status SetColumn(const std::string& column,
                       const std::vector<std::string>& values,
                       TableRow* row) {
  const std::string value = values.empty() ? "" : values.front();
  absl::Status status;
  if (column == "sender") {
    status = SetSender(value, row);
  } else if (column == "recipients") {
    for (const std::string& each : values)
      status.Update(AddRecipient(each, row));
  } else if (column == "client_address") {
    row->client_address = value;
  } else if (column == "client_name") {
    row->client_name = value;
  } else if (column == "helo") {
    row->helo = value;
  } else if (column == "time" && !value.empty()) {
    row->time_us = ReadRfc3339(value);
    if (!row->time_us) status = absl::InvalidArgumentError("time is not RFC 3339");
  }
  return status;
}

}  // namespace

absl::StatusOr<EnvelopeTable> EnvelopeTable::Parse(std::string_view text) {
  EnvelopeTable table;
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  const bool json = first != std::string_view::npos && text[first] == '{';
  absl::Status status = json ? table.ParseJsonLines(text) : table.ParseCsv(text);
  if (!status.ok()) return status;
  return table;
}

absl::Status EnvelopeTable::ParseCsv(std::string_view text) {
  std::size_t line = 1;
  std::vector<std::string> columns;
  if (!TakeRow(&text, &line, &columns)) return Wrong(1, "a quote is not closed");
  if (columns.size() > kColumnsMax) return Wrong(1, "too many columns");
  std::vector<std::string> cells;
  while (!text.empty()) {
    const std::size_t at = line;
    if (!TakeRow(&text, &line, &cells)) return Wrong(at, "a quote is not closed");
    if (cells.size() == 1 && cells.front().empty()) continue;
    if (cells.size() != columns.size())
      return Wrong(at, absl::StrCat(cells.size(), " cells for ", columns.size(), " columns"));
    std::vector<Cell> row;
    for (std::size_t i = 0; i < cells.size(); ++i) {
      Cell& cell = row.emplace_back(Cell{.column = columns[i]});
      if (columns[i] == "recipients") {
        cell.values = absl::StrSplit(cells[i], ' ', absl::SkipEmpty());
      } else {
        cell.values = {cells[i]};
      }
    }
    absl::Status status = Add(row);
    if (!status.ok()) return Wrong(at, status.message());
  }
  return absl::OkStatus();
}

absl::Status EnvelopeTable::ParseJsonLines(std::string_view text) {
  std::size_t number = 0;
  while (!text.empty()) {
    ++number;
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    std::vector<std::pair<std::string, std::vector<std::string>>> members;
    absl::Status status = ReadJsonRow(line, &members);
    std::vector<Cell> row;
    row.reserve(members.size());
    for (auto& [name, values] : members)
      row.push_back({.column = name, .values = std::move(values)});
    if (status.ok()) status = Add(row);
    if (!status.ok()) return Wrong(number, status.message());
  }
  return absl::OkStatus();
}

absl::Status EnvelopeTable::Add(const std::vector<Cell>& cells) {
  if (rows_.size() == kTableRowsMax) return absl::InvalidArgumentError("too many rows");
  TableRow row;
  std::string file;
  std::string message_id;
  for (const Cell& cell : cells) {
    const std::string value = cell.values.empty() ? "" : cell.values.front();
    if (cell.column == "file") {
      file = value;
    } else if (cell.column == "message_id") {
      message_id = value;
    } else {
      absl::Status status = SetColumn(cell.column, cell.values, &row);
      if (!status.ok()) return status;
    }
  }
  if (file.empty() && message_id.empty())
    return absl::InvalidArgumentError("neither file nor message_id");
  if (!file.empty()) by_file_.emplace(file, rows_.size());
  if (!message_id.empty()) by_id_.emplace(message_id, rows_.size());
  rows_.push_back(std::move(row));
  return absl::OkStatus();
}

const TableRow* EnvelopeTable::Find(const std::string& file, const std::string& message_id) const {
  if (const auto found = by_file_.find(file); found != by_file_.end()) return &rows_[found->second];
  if (message_id.empty()) return nullptr;
  const auto found = by_id_.find(message_id);
  return found != by_id_.end() ? &rows_[found->second] : nullptr;
}

}  // namespace record
