// The JSON of the API, in both directions, shared by the server and the tool. It is an interface that scripts depend
// on: every answer is an object with "api_version", fields are only ever added, and a reader ignores those it does not
// know. Requests are the opposite: a field nobody knows is refused, because a misspelt one would silently do something
// else.
//
// nlohmann stays in the .cc files.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "control/api.h"
#include "control/review_info.h"

namespace enforcer::control {

inline constexpr std::string_view kApiVersion = "v1";

// ---- answers, server side
[[nodiscard]] std::string encode_status(const Status& status);
[[nodiscard]] std::string encode_version(const Status& status);
[[nodiscard]] std::string encode_load(const LoadAnswer& answer);
[[nodiscard]] std::string encode_guest(const GuestAnswer& answer);
[[nodiscard]] std::string encode_guests(const std::vector<GuestInfo>& guests);
[[nodiscard]] std::string encode_credentials(const std::vector<CredentialInfo>& credentials);
[[nodiscard]] std::string encode_rotation(const Rotation& rotation);
[[nodiscard]] std::string encode_credential_test(const CredentialTest& test);
[[nodiscard]] std::string encode_environment(const Variables& variables);
[[nodiscard]] std::string encode_authority(const AuthorityInfo& authority);
[[nodiscard]] std::string encode_reviews(const std::vector<review::Ticket>& tickets);
[[nodiscard]] std::string encode_review(const review::Ticket& ticket);
[[nodiscard]] std::string encode_review_news(const ReviewNews& news);  ///< one line of the stream
[[nodiscard]] std::string encode_done();
/// {"error":{"code","message"}}
[[nodiscard]] std::string encode_error(std::string_view code, std::string_view message);
/// The error of policies that did not load: as above, with code "policy_invalid" and the problems beside it.
[[nodiscard]] std::string encode_load_error(const LoadAnswer& answer);

// ---- answers, tool side: kInvalid for what a daemon of this API version cannot have sent
Result<Status> decode_status(std::string_view text);
Result<LoadAnswer> decode_load(std::string_view text);  ///< both forms, loaded and not
Result<GuestAnswer> decode_guest(std::string_view text);
Result<std::vector<GuestInfo>> decode_guests(std::string_view text);
Result<std::vector<CredentialInfo>> decode_credentials(std::string_view text);
Result<Rotation> decode_rotation(std::string_view text);
Result<CredentialTest> decode_credential_test(std::string_view text);
Result<Variables> decode_environment(std::string_view text);
Result<AuthorityInfo> decode_authority(std::string_view text);
Result<std::vector<ReviewInfo>> decode_reviews(std::string_view text);
Result<ReviewInfo> decode_review(std::string_view text);
Result<ReviewChange> decode_review_news(std::string_view line);
/// The error that an answer other than 2xx stands for. An answer that is not our JSON becomes kIo with its status.
[[nodiscard]] Error decode_error(unsigned http_status, std::string_view text);

// ---- requests
[[nodiscard]] std::string encode_documents(const std::vector<Document>& documents);
[[nodiscard]] std::string encode_create(const CreateGuest& request);
[[nodiscard]] std::string encode_attach(const AttachGuest& request);  ///< the name travels in the path
/// {"comment", "fingerprint"}; the rest travels in the path.
[[nodiscard]] std::string encode_verdict(const ReviewDecision& decision);
Result<ReviewDecision> decode_verdict(std::string_view text, ReviewDecision::Say say, std::string id);
[[nodiscard]] std::string encode_pause(std::chrono::seconds most);
[[nodiscard]] std::string encode_label_change(const LabelChange& change);
/// kInvalid too: nothing is changed, a label is both set and removed, or one that no guest can have.
Result<LabelChange> decode_label_change(std::string_view text);
Result<std::vector<Document>> decode_documents(std::string_view text);
Result<CreateGuest> decode_create(std::string_view text);
Result<AttachGuest> decode_attach(std::string_view text, GuestName name);
Result<std::chrono::seconds> decode_pause(std::string_view text);

// ---- small vocabulary
[[nodiscard]] unsigned http_status_of(Errc code);
[[nodiscard]] std::string_view label(Errc code);                 ///< "not_found"
[[nodiscard]] std::string format_time(WallClock::time_point t);  ///< RFC 3339, UTC, milliseconds
Result<WallClock::time_point> parse_time(std::string_view text);

}  // namespace enforcer::control
