// The two test signatures, kept backwards so that virus scanners leave this file, the programs and
// the repository alone.
//
// Source: EICAR's standard anti-virus test file (68 octets); SpamAssassin's GTUBE (68 octets).
#ifndef MILLRACE_TOOLS_SCANNER_SIGNATURES_H_
#define MILLRACE_TOOLS_SCANNER_SIGNATURES_H_

#include <string>

namespace scanner {

// Both are put together at run time, at each call.
std::string EicarSignature();
std::string GtubeSignature();

}  // namespace scanner

#endif  // MILLRACE_TOOLS_SCANNER_SIGNATURES_H_
