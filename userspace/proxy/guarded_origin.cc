#include "proxy/guarded_origin.h"

#include <algorithm>

#include "base/ascii.h"
#include "http/field_rules.h"

namespace enforcer::proxy {

namespace asio = boost::asio;

namespace {

constexpr std::size_t kRoom = std::size_t{64} * 1024;
constexpr unsigned kPartialContent = 206;

/// Encodings of the messages in a body (gRPC, Connect), which asking for the body's own does not prevent. Any other
/// field of such a name (x-amz-meta-content-encoding) is a text that no client decodes by.
constexpr std::string_view kInnerEncodings[] = {"grpc-encoding", "connect-content-encoding"};
/// They speak of a body in the form it had.
constexpr std::string_view kOfEncodedBodies[] = {"content-encoding", "content-md5",     "content-digest",
                                                 "digest",           "repr-digest",     "accept-ranges",
                                                 "x-goog-hash",      "x-ms-content-md5"};
constexpr std::string_view kChecksumsOfAws = "x-amz-checksum-";
constexpr std::string_view kCookies[] = {"set-cookie", "set-cookie2"};
/// RFC 3229 10.4.1: a difference to what the guest has.
constexpr unsigned kImUsed = 226;

void erase_fields(std::vector<http::HeaderField>& fields, std::span<const std::string_view> names) {
  std::erase_if(fields, [&](const http::HeaderField& field) {
    return std::ranges::find(names, http::comparable_name(field.name)) != names.end();
  });
}

bool is_identity(std::string_view coding) {
  return coding.empty() || coding == "identity";
}

bool has_inner_encoding(const http::ResponseHead& head) {
  return std::ranges::any_of(kInnerEncodings, [&](std::string_view name) {
    return !std::ranges::all_of(http::values_of(head.fields, name), is_identity);
  });
}

bool answers_a_call(const http::ResponseHead& head) {
  return std::ranges::any_of(http::values_of(head.fields, "content-type"), [](std::string_view value) {
    return value.starts_with("application/grpc") && !value.starts_with("application/grpc-web");
  });
}

/// In which what is ASCII is no ASCII.
bool has_odd_charset(const http::ResponseHead& head) {
  static constexpr std::string_view kOdd[] = {"utf-16", "utf16",  "utf-32", "utf32", "utf-7",    "utf7", "ucs-2",
                                              "ucs-4",  "ebcdic", "ibm0",   "cp037", "iso-2022", "hz-gb"};
  return std::ranges::any_of(http::values_of(head.fields, "content-type"), [](std::string_view value) {
    std::string type(value);
    std::ranges::transform(type, type.begin(), ascii::lower);
    return std::ranges::any_of(kOdd, [&](std::string_view odd) { return type.contains(odd); });
  });
}

}  // namespace

void ask_for_searchable(http::RequestHead& head, Ranges ranges) {
  static constexpr std::string_view kOtherForms[] = {"sec-websocket-extensions", "accept-charset", "a-im"};
  static constexpr std::string_view kParts[] = {"range", "if-range", "x-ms-range"};
  const bool grpc = http::is_grpc(head);
  erase_fields(head.fields, kOtherForms);
  std::erase_if(head.fields, [](const http::HeaderField& field) {  // gRPC, Connect and others have their own
    return http::comparable_name(field.name).ends_with("accept-encoding");
  });
  if (ranges == Ranges::kRefused) erase_fields(head.fields, kParts);
  if (head.tunnel == http::RequestHead::Tunnel::kNone) head.fields.push_back({"Accept-Encoding", "identity"});
  if (grpc) head.fields.push_back({"grpc-accept-encoding", "identity"});
}

GuardedOrigin::GuardedOrigin(OriginSide& origin, Guest& guest, std::shared_ptr<const credentials::Needles> needles,
                             Cookies cookies, std::function<void()> found)
    : origin_(origin),
      guest_(guest),
      needles_(std::move(needles)),
      cookies_(cookies),
      found_(std::move(found)),
      scanner_(needles_) {}

GuardedOrigin::~GuardedOrigin() {
  if (decoder_) guest_.close_decoder();
}

asio::awaitable<bool> GuardedOrigin::send_head(const http::RequestHead& head) {
  called_ = http::is_grpc(head);
  return origin_.send_head(head);
}

asio::awaitable<bool> GuardedOrigin::write_body(Bytes data, BodyPart::Next next) {
  return origin_.write_body(data, next);
}

asio::awaitable<bool> GuardedOrigin::end_body(const Trailers& trailers) {
  return origin_.end_body(trailers);
}

asio::awaitable<OriginSide::Head> GuardedOrigin::read_head() {
  auto read = co_await origin_.read_head();
  auto* head = std::get_if<http::ResponseHead>(&read);
  if (head != nullptr && !guard(*head)) co_return NoHead::kUnsearchable;
  co_return read;
}

/// False: its body could not be searched.
bool GuardedOrigin::guard(http::ResponseHead& head) {
  if (cookies_ == Cookies::kRemoved) erase_fields(head.fields, kCookies);
  redact(head.phrase);
  redact(head.fields);
  if (head.interim()) return true;
  if (has_inner_encoding(head) || has_odd_charset(head) || head.status == kImUsed) return false;
  if (called_ && answers_a_call(head)) messages_.emplace(needles_);
  std::string codings;
  for (const std::string_view each : http::values_of(head.fields, "content-encoding")) {
    if (!codings.empty()) codings += ", ";
    codings += each;
  }
  if (is_identity(codings)) {
    erase_fields(head.fields, std::span(kOfEncodedBodies).first(1));
    return true;
  }
  if (head.status == kPartialContent) return false;
  auto decoder = http::ContentDecoder::make(codings);
  if (!decoder) return false;
  erase_fields(head.fields, kOfEncodedBodies);
  std::erase_if(head.fields, [](const http::HeaderField& field) {
    return http::comparable_name(field.name).starts_with(kChecksumsOfAws);
  });
  for (http::HeaderField& field : head.fields) {  // what names the octets of the encoded form, names another form's now
    const bool strong = http::comparable_name(field.name) == "etag" && !field.value.starts_with("W/");
    if (strong) field.value.insert(0, "W/");
  }
  head.announced.reset();
  if (head.body.kind == http::BodyFraming::Kind::kNone) return true;
  if (!guest_.open_decoder()) return false;
  head.body = {.kind = http::BodyFraming::Kind::kChunked};
  decoder_ = *std::move(decoder);
  decoded_.resize(kRoom);
  return true;
}

void GuardedOrigin::redact(std::vector<http::HeaderField>& fields) {
  for (http::HeaderField& field : fields) {
    redact(field.name);
    redact(field.value);
    // Binary metadata of gRPC is base64, and stays it.
    if (field.name.ends_with("-bin")) std::ranges::replace(field.value, '*', 'A');
  }
}

void GuardedOrigin::redact(std::string& text) {
  if (credentials::redact(needles_, text) > 0 && found_) std::exchange(found_, nullptr)();
}

Trailers GuardedOrigin::trailers() {
  Trailers trailers = origin_.trailers();
  if (cookies_ == Cookies::kRemoved) erase_fields(trailers, kCookies);
  redact(trailers);
  return trailers;
}

/// What is there may be held back until more comes, unless all of the body is there.
BodyPart::Next GuardedOrigin::next_part() {
  return origin_.next_part() == BodyPart::Next::kLast ? BodyPart::Next::kBuffered : BodyPart::Next::kUnknown;
}

void GuardedOrigin::become_tunnel() {
  frames_.emplace(needles_);
  origin_.become_tunnel();
}

asio::awaitable<BodyPart> GuardedOrigin::read_body() {
  while (true) {
    BodyPart part = ended_ ? search_end() : search();
    if (part.kind != BodyPart::Kind::kData || !part.data.empty()) co_return part;
    part = co_await origin_.read_body();
    if (part.kind == BodyPart::Kind::kMalformed || part.kind == BodyPart::Kind::kBroken) co_return part;
    ended_ = part.kind == BodyPart::Kind::kEnd;
    arrived_ = part.data;
    next_ = part.next;
  }
}

Result<Bytes> GuardedOrigin::scan(Bytes data) {
  if (frames_) return frames_->feed(data);
  if (messages_) return messages_->feed(data);
  return scanner_.feed(data);
}

std::uint64_t GuardedOrigin::findings() const {
  return scanner_.findings() + (frames_ ? frames_->findings() : 0) + (messages_ ? messages_->findings() : 0);
}

/// Of what has arrived; no data: there is none, or all of it is held back.
BodyPart GuardedOrigin::search() {
  while (true) {
    Bytes data = decoder_ ? Bytes() : std::exchange(arrived_, {});
    if (decoder_) {
      const auto count = decoder_->decode(arrived_, decoded_);
      if (!count) return {.kind = BodyPart::Kind::kMalformed};
      data = Bytes(decoded_).first(*count);
    }
    const auto scanned = scan(data);
    if (!scanned) return {.kind = BodyPart::Kind::kMalformed};
    if (!scanned->empty() || !decoder_ || data.empty()) return passed(*scanned);
  }
}

/// What was held back until the end, once; then the end.
BodyPart GuardedOrigin::search_end() {
  if (std::exchange(flushed_, true)) return {.kind = BodyPart::Kind::kEnd};
  if (decoder_ && !decoder_->complete()) return {.kind = BodyPart::Kind::kMalformed};
  BodyPart part = passed(frames_ ? frames_->finish() : messages_ ? messages_->finish() : scanner_.finish());
  if (part.data.empty()) return {.kind = BodyPart::Kind::kEnd};
  if (origin_.trailers().empty()) part.next = BodyPart::Next::kEnd;
  return part;
}

BodyPart GuardedOrigin::passed(Bytes data) {
  if (found_ && findings() > 0) std::exchange(found_, nullptr)();
  const bool whole = !decoder_ && !frames_ && !messages_ && scanner_.held() == 0;
  BodyPart part{.kind = BodyPart::Kind::kData, .data = data};
  if (next_ == BodyPart::Next::kEnd) part.next = whole ? BodyPart::Next::kEnd : BodyPart::Next::kBuffered;
  return part;
}

}  // namespace enforcer::proxy
