// Reading a query (dns/message.h).
#include <algorithm>

#include "dns/message.h"
#include "dns/wire.h"

namespace enforcer::dns {
namespace {

constexpr std::size_t kMaxName = 255;  // RFC 1035 3.1, with all length octets

struct Header {
  std::uint16_t flags;
  std::uint16_t questions;
  std::uint16_t answers;
  std::uint16_t authorities;
  std::uint16_t additionals;
};

Header read_header(ByteReader& reader) {
  Header header{};
  header.flags = reader.u16();
  header.questions = reader.u16();
  header.answers = reader.u16();
  header.authorities = reader.u16();
  header.additionals = reader.u16();
  return header;
}

/// A name as labels, without compression: there is nothing before a question it could point to. Nothing: not such a
/// name. A label with a '.', NUL or any octet a HostName has not is no name, never a character of one (attack:
/// "ok.test" as one label).
std::optional<std::string> read_name(ByteReader& reader) {
  std::string text;
  for (std::size_t size = 1;;) {
    const std::uint8_t length = reader.u8();
    size += 1 + std::size_t{length};
    if (!reader.ok() || length > 63 || size > kMaxName + 1) return std::nullopt;
    if (length == 0) return text;
    const std::string_view label = as_text(reader.take(length));
    if (label.contains('.')) return std::nullopt;
    text += label;
    text += '.';
  }
}

/// RFC 6891 6.1.2: {code, length, data}, as often as it likes. The contents mean nothing to us.
bool options_are_well_formed(ByteReader options) {
  while (options.remaining() > 0) {
    options.u16();
    options.vector16();
    if (!options.ok()) return false;
  }
  return true;
}

class QueryReader {
 public:
  QueryReader(Bytes message, Transport transport) : message_(message), reader_(message) { echo_.transport = transport; }

  QueryOutcome read() {
    if (message_.size() < kHeaderSize) return NotAQuery{"shorter than a header"};
    echo_.id = reader_.u16();
    const Header header = read_header(reader_);
    if ((header.flags & kResponse) != 0) return NotAQuery{"a response"};
    echo_.opcode = header.flags >> 11 & 15;
    echo_.recursion_desired = (header.flags & kRecursionDesired) != 0;
    echo_.checking_disabled = (header.flags & kCheckingDisabled) != 0;
    if (message_.size() > kMaxQuery) return malformed("too large");
    if (echo_.opcode != 0) return unsupported("operation is not a query", ResponseCode::kNotImp);
    if (header.questions != 1) return malformed("not exactly one question");
    if (header.answers != 0 || header.authorities != 0) return malformed("records in a query");
    return read_sections(header.additionals);
  }

 private:
  QueryOutcome read_sections(std::uint16_t additionals) {
    const auto text = read_name(reader_);
    if (!text) return malformed("name malformed");
    const auto type = static_cast<Type>(reader_.u16());
    const std::uint16_t dns_class = reader_.u16();
    if (!reader_.ok()) return malformed("question cut short");
    const Bytes question = message_.subspan(kHeaderSize, message_.size() - kHeaderSize - reader_.remaining());
    echo_.question.assign(question.begin(), question.end());
    if (additionals > 1) return malformed("records in a query");
    if (additionals == 1 && !read_opt()) return malformed("additional record is not a well-formed OPT");
    if (!reader_.at_end()) return malformed("bytes behind the message");
    if (edns_version_ != 0) return unsupported("EDNS version", ResponseCode::kBadVersion);
    if (dns_class != kClassIn) return unsupported("class is not IN", ResponseCode::kNotImp);
    if (text->empty()) return unsupported("the root is not served", ResponseCode::kNotImp);
    auto name = HostName::parse(*text);
    if (!name) return malformed("name is not a host name");
    return Query{std::move(echo_), *std::move(name), type};
  }

  /// RFC 6891 6.1.
  bool read_opt() {
    const std::uint8_t owner = reader_.u8();
    const std::uint16_t type = reader_.u16();
    const std::uint16_t payload = reader_.u16();
    reader_.u8();  // extended response code
    const std::uint8_t version = reader_.u8();
    reader_.u16();  // DO and reserved bits
    const ByteReader options = reader_.vector16();
    if (!reader_.ok() || owner != 0 || type != kTypeOpt || !options_are_well_formed(options)) return false;
    echo_.edns_payload = payload;
    edns_version_ = version;
    return true;
  }

  UnusableQuery malformed(std::string_view what) {
    return {UnusableQuery::Fault::kMalformed, what, ResponseCode::kFormErr, std::move(echo_)};
  }
  UnusableQuery unsupported(std::string_view what, ResponseCode code) {
    return {UnusableQuery::Fault::kUnsupported, what, code, std::move(echo_)};
  }

  Bytes message_;
  ByteReader reader_;
  Echo echo_;
  std::uint8_t edns_version_ = 0;
};

}  // namespace

QueryOutcome parse_query(Bytes message, Transport transport) {
  return QueryReader(message, transport).read();
}

}  // namespace enforcer::dns
