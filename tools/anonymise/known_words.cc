// The lists; see the header.
#include "tools/anonymise/known_words.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "tools/anonymise/octets.h"

namespace anonymise {
namespace {

constexpr std::string_view kTopLabelText =
    "arpa at au be biz br ca ch cn co com cz de dk edu es eu example fi fr gov gr hu ie in info "
    "int invalid io it jp kr lan local localdomain localhost mil net nl no nz org pl pt ro ru se "
    "sk test tr tw ua uk us za";
constexpr std::string_view kTraceWordText =
    "128 256 384 aes aes128 aes256 amavis amavisd authenticated be bit bits by camellia cbc "
    "certificate chacha20 cipher client dhe digest dss ecdhe ecdsa esmtp esmtpa esmtps esmtpsa "
    "exchange exim for forged from gcm helo http https id invoked lmtp lmtpa lmtps lmtpsa local "
    "localhost may mldsa44 network new no not over poly1305 port postfix present requested rsa "
    "sendmail server sha sha1 sha256 sha384 signature smtp smtps submission tls tlsv1 uid unknown "
    "userid using utf8smtp utf8smtpa utf8smtps utf8smtpsa verified verify version via with x25519 "
    "yes";
constexpr std::string_view kResultWordText =
    "a action address adkim arc as aspf auth b best bestguesspass bit bits by c client cv d "
    "designates dis dkim dmarc dns domain envelope fail failed from guess hardfail header helo i "
    "identity insecure invalid ip iprev key mailfrom neutral no none of p pass permerror "
    "permitted policy pra q quarantine receiver reject relaxed rsa s sender sha256 signature "
    "simple smtp softfail sp spf t temperror txt v verification verified x";
constexpr std::string_view kDateWordText =
    "am apr april aug august bst cdt cest cet cst dec december edt est feb february fri friday "
    "gmt ist jan january jst jul july jun june mar march may mdt mon monday msk mst nov november "
    "oct october pdt pm pst sat saturday sep sept september sun sunday thu thursday tue tuesday "
    "ut utc wed wednesday z";
constexpr std::string_view kMonthNameText =
    "apr april aug august dec december feb february jan january jul july jun june mar march may "
    "nov november oct october sep sept september";
constexpr std::string_view kContentWordText =
    "7bit 7z 8bit alternative apple application archive atom attachment audio base64 basic binary "
    "bmp bzip2 calendar cfb chart chm compressed css csv data delivery delsp diff digest "
    "disposition doc document docx double download eml encrypted excel external feature fixed "
    "flash flowed font force form gif global gzip headers html icon image inline java javascript "
    "jpeg jpg jpx json keys macroenabled markdown message mime mixed model mp3 mp4 mpeg ms msdos "
    "msdownload msexcel msword multipart network news notification oasis object octet ods odt "
    "officedocument ogg ole open opendocument openxmlformats outlook parallel partial patch pdf "
    "pgp php pjpeg pkcs10 pkcs7 plain png postscript powerpoint presentation presentationml "
    "printable program python quoted quotedprintable rar raw related report rfc822 richtext rpm "
    "rtf script sh sheet signature signed slideshow smil spreadsheet spreadsheetml status stream "
    "svg tar template text tiff tnef uue uuencode vcalendar vcard video visio vnd voice wav webm "
    "webp wordprocessingml www x xhtml xls xlsx xml zip";
constexpr std::string_view kParameterNameText =
    "access-type boundary charset component creation-date delsp filename format handling header "
    "hp id language method micalg modification-date name number optinfo padding permission "
    "profile protocol read-date reply-type report-type site size smime-type source start "
    "start-info total type url version x-apple-part-url x-mac-creator x-mac-type x-unix-mode";
constexpr std::string_view kParameterWordText =
    "1 10 11 1250 1251 1252 1253 1254 1255 1256 1257 1258 13 14 15 16 2 2022 2312 3 32 4 437 5 6 "
    "620 646 7 8 850 866 874 8859 9 alternative ansi application ascii big5 body cancel certs "
    "cp1250 cp1251 cp1252 data delivery disposition encrypted enveloped euc fixed flowed gb18030 "
    "gb2312 gbk html ibm iso iso8859 jis jp kana keys koi8 kr ks latin1 mac md5 message mixed "
    "multipart no notification only pgp pkcs7 plain publish r reply report request rfc822 rsa sha "
    "sha1 sha224 sha256 sha384 sha512 shift signature signed status text tis tw u unicode unknown "
    "us utf utf8 v1 windows x xml yes";
constexpr std::string_view kExtensionText =
    "7z ace ade ai app arj asc asp avi bat bin bmp bz2 cab calendar cer chm cmd com cpl csv cue "
    "dat db dll doc docm docx dot dotm dotx dwg eml eps exe flv gif gz heic hlp hta htm html ics "
    "img inf ini ins iso jar jpeg jpg js jse json lha lib lnk log lzh m4a md mdb mht mkv mov mp3 "
    "mp4 mpeg mpg msg msi msp mst odp ods odt ogg one otf p7b p7c p7m p7s pcd pdf pem pgp php pif "
    "pl png pot potm ppam pps ppsm ppt pptm pptx ps ps1 psd pst py rar reg rpm rtf scr sct sh shb "
    "shs sig sldm svg swf sys tar tgz tif tiff torrent ttf txt url vb vbe vbs vcf vhd vsd wav "
    "webm webp wma wmf wmv wsc wsf wsh xlam xls xlsb xlsm xlsx xltm xml xps xz z zip zst";
constexpr std::string_view kHtmlTagText =
    "a abbr acronym address applet area article aside audio b base basefont bgsound big blink "
    "blockquote body br button canvas caption center cite code col colgroup dd del dfn dir div dl "
    "doctype dt em embed fieldset figcaption figure font footer form frame frameset h1 h2 h3 h4 "
    "h5 h6 head header hr html i iframe img input ins kbd label legend li link map marquee meta "
    "nav noscript object ol optgroup option p param pre q s samp script section select small span "
    "strike strong style sub sup svg table tbody td textarea tfoot th thead title tr tt u ul v "
    "var video wbr xml";
constexpr std::string_view kHtmlAttributeText =
    "action align alink alt background bgcolor border bordercolor cellpadding cellspacing charset "
    "class clear color cols colspan content dir disabled enctype face for frameborder headers "
    "height href hspace http-equiv id lang leftmargin link marginheight marginwidth media method "
    "name nowrap onclick onload rel rows rowspan scope scrolling size src style summary tabindex "
    "target text title topmargin type usemap valign value vlink vspace width xml:lang xmlns";
constexpr std::string_view kLinkWordText =
    "cid daemon data dns ftp http https lmtp mailer mailto mid news postmaster rfc822 smtp tel "
    "unsubscribe utf x400";
constexpr std::string_view kDeliveryWordText =
    "1 2 3 4 5 above action all amavisd antivirus asap auto autolearn automatic bcc bulk clean "
    "company confidential delayed delivered displayed dr expanded fail failed generated ham high "
    "higher highest hits infected junk list low lowest manual mdn mime no non none normal "
    "notified nrn oof personal private relayed replied required rn score sent spam tagged tests "
    "urgent yes";
constexpr std::string_view kEsmtpWordText =
    "7bit 8 8bitmime binarymime delay failure full hdrs never rfc822 success utf";
constexpr std::string_view kEsmtpKeyText =
    "alt-address auth body by conneg conperm deliverby envid holdfor holduntil mt-priority mtrk "
    "notify orcpt requiretls ret rrvs size smtputf8 solicit submitter transid xverp";
constexpr std::string_view kSmtpVerbText =
    "auth bdat burl data ehlo etrn expn helo help lhlo mail noop quit rcpt rset saml send soml "
    "starttls turn verb vrfy xclient xforward";
constexpr std::string_view kProgramWordText =
    "aggregator anonymous any cram debian digest discard dovecot error esmtp esmtpa esmtps "
    "esmtpsa exim external fail file forged gssapi html http lmtp lmtpa lmtps lmtpsa local login "
    "md5 milter msa mta nonpermanent ntlm oauthbearer ok originating perm pipe plain postfix prog "
    "proxywrite quick relay retry rewrite scram sendmail sha sha1 sha256 smtp smtps ssl sslv3 "
    "submission temp tempfail tls tls1 tlsv1 true ubuntu unknown utf8smtp utf8smtpa utf8smtps "
    "utf8smtpsa virtual xoauth2";
constexpr std::string_view kPathWordText =
    "amavis amavisd clamav db email eml etc home lib millrace mnt opt parts postfix private run "
    "sock socket spool srv tmp txt usr var work";
constexpr std::string_view kScannerWordText =
    "accept am client continue discard esmtp esmtpa esmtps esmtpsa inbound lmtp myusers new "
    "originating outbound pdp reject return server smtp submission tempfail utf8smtp";

constexpr std::size_t kWordBytesMax = 24;

constexpr std::size_t Count(std::string_view text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), ' ')) + 1;
}

template <std::size_t kCount>
constexpr std::array<std::string_view, kCount> Split(std::string_view text) {
  std::array<std::string_view, kCount> words{};
  for (std::string_view& word : words) {
    word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(word.size() + 1, text.size()));
  }
  return words;
}

constexpr auto kTopLabelArray = Split<Count(kTopLabelText)>(kTopLabelText);
constexpr auto kTraceWordArray = Split<Count(kTraceWordText)>(kTraceWordText);
constexpr auto kResultWordArray = Split<Count(kResultWordText)>(kResultWordText);
constexpr auto kDateWordArray = Split<Count(kDateWordText)>(kDateWordText);
constexpr auto kMonthNameArray = Split<Count(kMonthNameText)>(kMonthNameText);
constexpr auto kContentWordArray = Split<Count(kContentWordText)>(kContentWordText);
constexpr auto kParameterNameArray = Split<Count(kParameterNameText)>(kParameterNameText);
constexpr auto kParameterWordArray = Split<Count(kParameterWordText)>(kParameterWordText);
constexpr auto kExtensionArray = Split<Count(kExtensionText)>(kExtensionText);
constexpr auto kHtmlTagArray = Split<Count(kHtmlTagText)>(kHtmlTagText);
constexpr auto kHtmlAttributeArray = Split<Count(kHtmlAttributeText)>(kHtmlAttributeText);
constexpr auto kLinkWordArray = Split<Count(kLinkWordText)>(kLinkWordText);
constexpr auto kDeliveryWordArray = Split<Count(kDeliveryWordText)>(kDeliveryWordText);
constexpr auto kEsmtpWordArray = Split<Count(kEsmtpWordText)>(kEsmtpWordText);
constexpr auto kEsmtpKeyArray = Split<Count(kEsmtpKeyText)>(kEsmtpKeyText);
constexpr auto kSmtpVerbArray = Split<Count(kSmtpVerbText)>(kSmtpVerbText);
constexpr auto kProgramWordArray = Split<Count(kProgramWordText)>(kProgramWordText);
constexpr auto kPathWordArray = Split<Count(kPathWordText)>(kPathWordText);
constexpr auto kScannerWordArray = Split<Count(kScannerWordText)>(kScannerWordText);
static_assert(std::is_sorted(kTopLabelArray.begin(), kTopLabelArray.end()));
static_assert(std::is_sorted(kTraceWordArray.begin(), kTraceWordArray.end()));
static_assert(std::is_sorted(kResultWordArray.begin(), kResultWordArray.end()));
static_assert(std::is_sorted(kDateWordArray.begin(), kDateWordArray.end()));
static_assert(std::is_sorted(kMonthNameArray.begin(), kMonthNameArray.end()));
static_assert(std::is_sorted(kContentWordArray.begin(), kContentWordArray.end()));
static_assert(std::is_sorted(kParameterNameArray.begin(), kParameterNameArray.end()));
static_assert(std::is_sorted(kParameterWordArray.begin(), kParameterWordArray.end()));
static_assert(std::is_sorted(kExtensionArray.begin(), kExtensionArray.end()));
static_assert(std::is_sorted(kHtmlTagArray.begin(), kHtmlTagArray.end()));
static_assert(std::is_sorted(kHtmlAttributeArray.begin(), kHtmlAttributeArray.end()));
static_assert(std::is_sorted(kLinkWordArray.begin(), kLinkWordArray.end()));
static_assert(std::is_sorted(kDeliveryWordArray.begin(), kDeliveryWordArray.end()));
static_assert(std::is_sorted(kEsmtpWordArray.begin(), kEsmtpWordArray.end()));
static_assert(std::is_sorted(kEsmtpKeyArray.begin(), kEsmtpKeyArray.end()));
static_assert(std::is_sorted(kSmtpVerbArray.begin(), kSmtpVerbArray.end()));
static_assert(std::is_sorted(kProgramWordArray.begin(), kProgramWordArray.end()));
static_assert(std::is_sorted(kPathWordArray.begin(), kPathWordArray.end()));
static_assert(std::is_sorted(kScannerWordArray.begin(), kScannerWordArray.end()));

}  // namespace

constinit const WordList kTopLabels(kTopLabelArray);
constinit const WordList kTraceWords(kTraceWordArray);
constinit const WordList kResultWords(kResultWordArray);
constinit const WordList kDateWords(kDateWordArray);
constinit const WordList kMonthNames(kMonthNameArray);
constinit const WordList kContentWords(kContentWordArray);
constinit const WordList kParameterNames(kParameterNameArray);
constinit const WordList kParameterWords(kParameterWordArray);
constinit const WordList kExtensions(kExtensionArray);
constinit const WordList kHtmlTags(kHtmlTagArray);
constinit const WordList kHtmlAttributes(kHtmlAttributeArray);
constinit const WordList kLinkWords(kLinkWordArray);
constinit const WordList kDeliveryWords(kDeliveryWordArray);
constinit const WordList kEsmtpWords(kEsmtpWordArray);
constinit const WordList kEsmtpKeys(kEsmtpKeyArray);
constinit const WordList kSmtpVerbs(kSmtpVerbArray);
constinit const WordList kProgramWords(kProgramWordArray);
constinit const WordList kPathWords(kPathWordArray);
constinit const WordList kScannerWords(kScannerWordArray);

bool Knows(WordList list, std::string_view word) noexcept {
  if (word.empty() || word.size() > kWordBytesMax) return false;
  std::array<char, kWordBytesMax> lower{};
  std::transform(word.begin(), word.end(), lower.begin(), ToLower);
  return std::binary_search(list.begin(), list.end(), std::string_view(lower.data(), word.size()));
}

bool IsTopLabel(std::string_view label) noexcept {
  return Knows(kTopLabels, label);
}

}  // namespace anonymise
