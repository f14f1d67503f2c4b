// What a filter's edits make of a message.
#include "milter/mta_edits.h"

#include <algorithm>
#include <cstddef>

namespace milter {
namespace {

char Lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

bool SameName(std::string_view a, std::string_view b) noexcept {
  return std::equal(
      a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return Lower(x) == Lower(y); });
}

// The value as it stands after the colon in the delivered message.
std::string RawValue(std::string_view value, bool leading_space) {
  std::string raw = leading_space ? "" : " ";
  for (std::size_t i = 0; i < value.size(); ++i) {
    raw += value[i];
    const bool folded = i + 1 < value.size() && (value[i + 1] == ' ' || value[i + 1] == '\t');
    if (value[i] == '\n' && !folded) raw += '\t';
  }
  return raw;
}

class Editor {
 public:
  Editor(const Transaction& transaction, bool leading_space) : leading_space_(leading_space) {
    out_.sender = WithoutBrackets(transaction.sender.address);
    for (const EnvelopeAddress& recipient : transaction.recipients) {
      out_.recipients.push_back(WithoutBrackets(recipient.address));
    }
    out_.headers.push_back({"Received", " by the mail server"});
    out_.headers.insert(out_.headers.end(), transaction.headers.begin(), transaction.headers.end());
    out_.body = BodyOf(transaction);
  }

  void Apply(const Edit& edit) {
    switch (edit.kind) {
      case Reply::kAddHeader: out_.headers.push_back(Field(edit)); break;
      case Reply::kInsertHeader: Insert(edit); break;
      case Reply::kChangeHeader: Change(edit); break;
      case Reply::kAddRcpt:
      case Reply::kAddRcptPar: out_.recipients.push_back(WithoutBrackets(edit.name)); break;
      case Reply::kDeleteRcpt: std::erase(out_.recipients, WithoutBrackets(edit.name)); break;
      case Reply::kChangeFrom: out_.sender = WithoutBrackets(edit.name); break;
      case Reply::kReplaceBody:
        if (!body_replaced_) out_.body.clear();
        body_replaced_ = true;
        out_.body += edit.value;
        break;
      case Reply::kQuarantine: out_.quarantined = true; break;
      case Reply::kNegotiate:
      case Reply::kContinue:
      case Reply::kAccept:
      case Reply::kReject:
      case Reply::kTempfail:
      case Reply::kDiscard:
      case Reply::kReplyCode:
      case Reply::kSkip:
      case Reply::kProgress:
      case Reply::kShutdown: break;
    }
  }

  Delivered Take() { return std::move(out_); }

 private:
  HeaderField Field(const Edit& edit) const {
    return {edit.name, RawValue(edit.value, leading_space_)};
  }

  void Insert(const Edit& edit) {
    const std::size_t at = std::min<std::size_t>(edit.index, out_.headers.size());
    out_.headers.insert(out_.headers.begin() + static_cast<std::ptrdiff_t>(at), Field(edit));
    if (at <= own_received_) ++own_received_;
  }

  void Change(const Edit& edit) {
    std::uint32_t wanted = std::max<std::uint32_t>(edit.index, 1);
    for (std::size_t i = 0; i < out_.headers.size(); ++i) {
      if (i == own_received_ || !SameName(out_.headers[i].name, edit.name) || --wanted != 0)
        continue;
      if (!edit.value.empty()) {
        out_.headers[i] = Field(edit);
      } else {
        out_.headers.erase(out_.headers.begin() + static_cast<std::ptrdiff_t>(i));
        if (i < own_received_) --own_received_;
      }
      return;
    }
    if (!edit.value.empty()) out_.headers.push_back(Field(edit));
  }

  Delivered out_;
  std::size_t own_received_ = 0;
  bool leading_space_;
  bool body_replaced_ = false;
};

}  // namespace

std::string WithoutBrackets(std::string_view address) {
  if (address.size() >= 2 && address.front() == '<' && address.back() == '>') {
    return std::string(address.substr(1, address.size() - 2));
  }
  return std::string(address);
}

Delivered ApplyEdits(const Transaction& transaction,
                     std::span<const Edit> edits,
                     bool leading_space) {
  Editor editor(transaction, leading_space);
  for (const Edit& edit : edits)
    editor.Apply(edit);
  return editor.Take();
}

}  // namespace milter
