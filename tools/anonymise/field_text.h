// Rewrites the text of header values, envelope arguments and replies word by word.
//
//   |Zebra Crossing <zebra@herd.example.com> =?utf-8?Q?Z=C3=A9bra?= [192.0.2.7]|
//    '-- words ---'  '-local' '---- host --'  '-- decoded, words --' '- IP --'
//
// White space, folding, punctuation and lengths stay; encoded words (RFC 2047) stay what they are,
// with other text in them. Broken ones are words like others.
// Source: RFC 5321, 5322 (addresses), 2047.
#ifndef MILLRACE_TOOLS_ANONYMISE_FIELD_TEXT_H_
#define MILLRACE_TOOLS_ANONYMISE_FIELD_TEXT_H_

#include "tools/anonymise/filler.h"
#include "tools/anonymise/known_words.h"
#include "tools/anonymise/octets.h"
#include "tools/anonymise/pseudonym.h"

namespace anonymise {

struct TextRule {
  // Of words that belong to no address, host or IP.
  WordKind plain = WordKind::kWord;
  // Where set: such words are drawn from it, instead of a pseudonym for each word.
  Stream* stream = nullptr;
  WordList keep{};            // such words stay
  bool keep_digits = false;   // runs of digits stay
  bool hosts = false;         // names with dots are hosts
  bool ids = false;           // the word behind "id" is a queue id
  bool split_equals = false;  // "=" ends an address
  bool extensions = false;    // known words behind a dot stay
};

void RewriteText(const Pseudonyms& pseudonyms, Octets text, const TextRule& rule);

// An address with or without brackets; what has no "@" is a local part.
void RewriteAddress(const Pseudonyms& pseudonyms, Octets text);

// Text whose seed is its content without white space, so that folding and line ends do not count.
// Prefixes such as "Re:" and "***SPAM***" stay and do not count either.
void RewriteSubject(const Pseudonyms& pseudonyms, Octets text);

}  // namespace anonymise

#endif  // MILLRACE_TOOLS_ANONYMISE_FIELD_TEXT_H_
