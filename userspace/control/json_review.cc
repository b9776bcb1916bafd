// What is said about held requests, in both directions. A ticket has one form, which review/ticket_json.h makes; here
// it is put into answers, and read by the tool.
#include <limits>

#include "base/ascii.h"
#include "control/json.h"
#include "control/json_object.h"
#include "review/ticket_json.h"

namespace enforcer::control {
namespace {

using nlohmann::json;

constexpr std::size_t kFingerprintDigits = 64;

WallClock::time_point moment_of(ObjectReader& reader, const char* name) {
  const auto time = parse_time(reader.text(name));
  if (time) return *time;
  reader.refuse(name, time.error().message);
  return {};
}

unsigned count_of(ObjectReader& reader, const char* name) {
  return static_cast<unsigned>(reader.number(name, 0, kAny32));
}

Result<review::Reviewer> reviewer_from(const json& entry) {
  if (!entry.is_object()) return fail(Errc::kInvalid, "a reviewer is not an object");
  ObjectReader reader(entry);
  review::Reviewer who{.uid = static_cast<uid_t>(reader.number("uid", 0, kAny32)), .name = reader.text("name")};
  TRY_VOID(reader.finish());
  return who;
}

Result<review::Verdict> verdict_from(const json& entry) {
  auto who = TRY(reviewer_from(entry));
  ObjectReader reader(entry);
  review::Verdict verdict{.by = std::move(who), .at = moment_of(reader, "at"), .comment = reader.text("comment")};
  TRY_VOID(reader.finish());
  return verdict;
}

Result<> read_verdicts(ObjectReader& reader, const json& entry, ReviewInfo& info) {
  for (const json& verdict : reader.array("approvals")) info.approvals.push_back(TRY(verdict_from(verdict)));
  if (const auto found = entry.find("rejection"); found != entry.end() && !found->is_null()) {
    info.rejection = TRY(verdict_from(*found));
  }
  return {};
}

Result<> read_request(ObjectReader& reader, const json& entry, ReviewInfo& info) {
  info.method = reader.text("method");
  info.scheme = reader.text("scheme");
  info.path = reader.text("path");
  if (const auto found = entry.find("query"); found != entry.end() && !found->is_null()) {
    info.query = reader.text("query");
  }
  for (const json& field : reader.array("fields")) {
    if (!field.is_object()) return fail(Errc::kInvalid, "field \"fields\" has an entry that is not an object");
    ObjectReader part(field);
    info.fields.push_back({.name = part.text("name"), .value = part.text("value")});
    TRY_VOID(part.finish());
  }
  ObjectReader body(reader.object("body"));
  info.body_octets = body.number("octets", 0, kAny);
  info.body_sha256 = body.text("sha256");
  info.body_start = body.text("start");
  return body.finish();
}

Result<ReviewInfo> review_from(const json& entry) {
  if (!entry.is_object()) return fail(Errc::kInvalid, "a review is not an object");
  ObjectReader reader(entry);
  ReviewInfo info;
  info.id = reader.text("review_id");
  info.state = reader.text("state");
  info.asked = moment_of(reader, "asked");
  info.expires = moment_of(reader, "expires");
  info.clients = count_of(reader, "clients");
  info.approvals_needed = count_of(reader, "approvals_needed");
  info.guest = reader.text("guest");
  info.epoch = reader.text("epoch");
  info.labels = reader.labels_or_none("labels");
  info.domain = reader.text("registrable_domain");
  info.host = reader.text("host");
  info.port = static_cast<std::uint16_t>(reader.number("port", 0, 65535));
  info.action = reader.text("action");
  info.policy = reader.text("policy");
  info.rule = reader.text("rule");
  info.place = reader.text("place");
  info.note = reader.text("reason");
  info.credential = reader.text("credential");
  info.fingerprint = reader.text("fingerprint");
  TRY_VOID(read_verdicts(reader, entry, info));
  TRY_VOID(read_request(reader, entry, info));
  TRY_VOID(reader.finish());
  return info;
}

bool is_fingerprint(std::string_view text) {
  return text.size() == kFingerprintDigits &&
         std::ranges::all_of(text, [](char c) { return ascii::hex_value(c) >= 0 && !ascii::is_upper(c); });
}

}  // namespace

std::string encode_reviews(const std::vector<review::Ticket>& tickets) {
  json answer = answer_object();
  json& list = answer["reviews"] = json::array();
  for (const review::Ticket& ticket : tickets) list.push_back(review::to_json(ticket));
  return dump(answer);
}

std::string encode_review(const review::Ticket& ticket) {
  json answer = answer_object();
  answer["review"] = review::to_json(ticket);
  return dump(answer);
}

std::string encode_review_news(const ReviewNews& news) {
  json line = answer_object();
  line["change"] = news.change;
  line["by"] = news.by ? json{{"uid", news.by->uid}, {"name", news.by->name}} : json();
  line["review"] = review::to_json(news.ticket);
  return dump(line);
}

Result<std::vector<ReviewInfo>> decode_reviews(std::string_view text) {
  const json body = TRY(parse_answer(text));
  ObjectReader reader(body);
  std::vector<ReviewInfo> reviews;
  for (const json& entry : reader.array("reviews")) {
    auto info = review_from(entry);
    if (!info) return not_understood(info.error());
    reviews.push_back(*std::move(info));
  }
  if (const auto good = reader.finish(); !good) return not_understood(good.error());
  return reviews;
}

Result<ReviewInfo> decode_review(std::string_view text) {
  const json body = TRY(parse_answer(text));
  ObjectReader reader(body);
  const json& entry = reader.object("review");
  if (const auto good = reader.finish(); !good) return not_understood(good.error());
  auto info = review_from(entry);
  if (!info) return not_understood(info.error());
  return info;
}

Result<ReviewChange> decode_review_news(std::string_view line) {
  const json body = TRY(parse_answer(line));
  ObjectReader reader(body);
  ReviewChange change{.change = reader.text("change"), .by = std::nullopt, .review = {}};
  const json& entry = reader.object("review");
  if (const auto good = reader.finish(); !good) return not_understood(good.error());
  if (const auto by = body.find("by"); by != body.end() && !by->is_null()) {
    auto who = reviewer_from(*by);
    if (!who) return not_understood(who.error());
    change.by = *std::move(who);
  }
  auto info = review_from(entry);
  if (!info) return not_understood(info.error());
  change.review = *std::move(info);
  return change;
}

std::string encode_verdict(const ReviewDecision& decision) {
  return dump({{"comment", decision.comment}, {"fingerprint", decision.fingerprint}});
}

Result<ReviewDecision> decode_verdict(std::string_view text, ReviewDecision::Say say, std::string id) {
  const json body = TRY(parse_object(text));
  ObjectReader reader(body);
  ReviewDecision decision{.say = say,
                          .id = std::move(id),
                          .fingerprint = reader.text("fingerprint"),
                          .comment = reader.text_or("comment", "")};
  if (!is_fingerprint(decision.fingerprint)) reader.refuse("fingerprint", "is not 64 hex digits in lower case");
  if (decision.comment.size() > review::Verdict::kLongestComment) reader.refuse("comment", "has more than 1024 octets");
  TRY_VOID(reader.finish_strictly());
  return decision;
}

}  // namespace enforcer::control
