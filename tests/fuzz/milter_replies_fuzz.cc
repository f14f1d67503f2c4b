// libFuzzer: hostile names, values and texts into the reply writer: what it agrees to write is what
// the strictest mail server takes, and writing again with an exact buffer gives the same size.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "milter/mta_reply.h"
#include "milter/replies.h"

namespace {

struct Input {
  std::uint16_t code;
  std::uint32_t index;
  std::string_view name;
  std::string_view value;
};

void Write(const Input& input, milter::ReplyWriter* writer) {
  static_cast<void>(writer->ReplyCode({input.code, {}, input.value}));
  static_cast<void>(writer->ReplyCode({input.code, input.name, input.value}));
  static_cast<void>(writer->AddHeader(input.name, input.value));
  static_cast<void>(writer->InsertHeader(input.index, input.name, input.value));
  static_cast<void>(writer->ChangeHeader(input.index, input.name, input.value));
  static_cast<void>(writer->DeleteHeader(input.index, input.name));
  static_cast<void>(writer->AddRcpt(input.name));
  static_cast<void>(writer->AddRcptPar(input.name, input.value));
  static_cast<void>(writer->DelRcpt(input.value));
  static_cast<void>(writer->ChangeFrom(input.name, input.value));
  static_cast<void>(writer->Quarantine(input.value));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 8) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data + 8), size - 8);
  const std::size_t cut = text.empty() ? 0 : data[0] % text.size();
  const Input input{.code = static_cast<std::uint16_t>(400 + data[1] % 200),
                    .index = data[2],
                    .name = text.substr(0, cut),
                    .value = text.substr(cut)};
  const bool leading_space = (data[3] & 1) != 0;
  milter::ReplyWriter counter({}, leading_space);
  Write(input, &counter);
  std::vector<std::byte> buffer(counter.needed());
  milter::ReplyWriter writer(buffer, leading_space);
  Write(input, &writer);
  if (writer.full() || writer.written() != counter.needed()) std::abort();
  std::string_view rest(reinterpret_cast<const char*>(buffer.data()), writer.written());
  while (!rest.empty()) {
    const milter::Frame frame = milter::NextFrame(rest);
    milter::FilterReply reply;
    if (frame.result != milter::FrameResult::kFrame) std::abort();
    if (milter::ParseReply(frame.code, frame.payload, &reply) != milter::MtaError::kNone)
      std::abort();
    rest.remove_prefix(frame.bytes);
  }
  return 0;
}
