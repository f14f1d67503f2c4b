// Finds the end of amavisd's reply while it arrives; reply.h then reads it as a whole.
//
//   read into buffer -> ReplyReader::Scan(buffer) -> kNeedMore: read on
//                                                 -> kComplete: ParseReply(buffer, arena, &reply)
//                                                 -> a limit:   broken reply, close
//
// A reply is framed as a request is; see framing.h for the rules and the limits.
#ifndef MILLRACE_AMPDP_REPLY_READER_H_
#define MILLRACE_AMPDP_REPLY_READER_H_

#include "ampdp/framing.h"

namespace ampdp {

using ReplyLimits = BlockLimits;
using ReplyReader = BlockReader;

}  // namespace ampdp

#endif  // MILLRACE_AMPDP_REPLY_READER_H_
