// Pseudonyms of host names and network addresses.
//
//   mx1.Zebra.example.com -> qk7.Wmtop.hsxvena.com    labels one by one; a well-known last one
//   stays 192.168.7.20 -> 192.168.3.84                      octet by octet, the same digits' count
//   2001:db8::7 -> 2917:ea3::4                        group by group
//
// What tells the kind of an address stays: 127/8, 0.0.0.0, 255.255.255.255, ::1, :: as they are;
// 10/8, 172.16/12, 192.168/16, 169.254/16, multicast, fe80, fc, fd, ff by their first part; a
// public address becomes a public one. Addresses that share their first octets or groups still
// do: an octet's pseudonym depends on the octets before it.
// Source: RFC 1918, 4193, 4291, 6890.
#ifndef MILLRACE_TOOLS_ANONYMISE_HOST_NAMES_H_
#define MILLRACE_TOOLS_ANONYMISE_HOST_NAMES_H_

#include <cstddef>
#include <string_view>

#include "tools/anonymise/octets.h"
#include "tools/anonymise/pseudonym.h"

namespace anonymise {

// Well-formed "192.0.2.1": no leading zeros.
bool IsInet4(std::string_view text) noexcept;
// Well-formed, perhaps with an IPv4 tail or a scope ("%eth0").
bool IsInet6(std::string_view text) noexcept;

// An address as IsInet4() or IsInet6() has it, perhaps behind "IPv6:"; anything else word by word
// as labels.
void ReplaceIp(const Pseudonyms& pseudonyms, Octets text);

// A name: labels between dots, or an address, perhaps in brackets.
void ReplaceHost(const Pseudonyms& pseudonyms, Octets text);

}  // namespace anonymise

#endif  // MILLRACE_TOOLS_ANONYMISE_HOST_NAMES_H_
