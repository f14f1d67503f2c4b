// Turns the stored texts round; see the header for why they are stored backwards.
#include "tools/scanner/signatures.h"

#include <string_view>

namespace scanner {
namespace {

constexpr std::string_view kEicarBackwards =
    "*H+H$!ELIF-TSET-SURIVITNA-DRADNATS-RACIE$}7)CC7)^P(45XZP\\4[PA@%P!O5X";
constexpr std::string_view kGtubeBackwards =
    "X43.C*LIAME-TSET-EBU-ITNA-DRADNATS-EBUTG*NENDI2*3NBSN.1NDAQBDJ4C*SJX";
static_assert(kEicarBackwards.size() == 68 && kGtubeBackwards.size() == 68);

}  // namespace

std::string EicarSignature() {
  return {kEicarBackwards.rbegin(), kEicarBackwards.rend()};
}
std::string GtubeSignature() {
  return {kGtubeBackwards.rbegin(), kGtubeBackwards.rend()};
}

}  // namespace scanner
