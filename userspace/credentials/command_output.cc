#include "credentials/command_output.h"

#include <fmt/format.h>

#include <algorithm>

#include "credentials/wiped_json.h"

namespace enforcer::credentials {
namespace {

/// The version that kubectl has given up, v1beta1, is what `aws eks get-token` prints; both say the same in `status`.
constexpr std::string_view kKubernetes[] = {"client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"};

/// Where a form keeps what we read.
struct OutputForm {
  const WipedJson* value;
  const WipedJson* expires;  ///< null: it does not say
  std::string_view value_name;
  std::string_view expires_name;
};

Result<OutputForm> form_of(const WipedJson& document) {
  if (text_of(member_of(document, "kind")) != "ExecCredential") {
    return OutputForm{member_of(document, "value"), member_of(document, "expires"), "value", "expires"};
  }
  const auto version = text_of(member_of(document, "apiVersion"));
  if (!version || std::ranges::find(kKubernetes, *version) == std::end(kKubernetes)) {
    return fail(Errc::kInvalid,
                "the output is an ExecCredential of another version than client.authentication.k8s.io/v1");
  }
  const WipedJson* const status = member_of(document, "status");
  const auto in_status = [&](const char* name) { return status == nullptr ? nullptr : member_of(*status, name); };
  return OutputForm{in_status("token"), in_status("expirationTimestamp"), "status.token", "status.expirationTimestamp"};
}

Result<Value> read_json(const WipedJson& document, Shape shape, WallClock::time_point now) {
  const OutputForm form = TRY(form_of(document));
  const auto text = text_of(form.value);
  if (!text) return fail(Errc::kInvalid, fmt::format("the output is JSON without a text \"{}\"", form.value_name));
  Value value = TRY(value_of(*text, shape, now));
  if (form.expires == nullptr) return value;
  const auto expires = text_of(form.expires);
  if (!expires) return fail(Errc::kInvalid, fmt::format("\"{}\" of the output is not a text", form.expires_name));
  const auto time = parse_rfc3339(*expires);
  if (!time) return fail_in(fmt::format("\"{}\" of the output", form.expires_name), time.error());
  if (*time <= now) return fail(Errc::kInvalid, "the value in the output has already expired");
  value.expires = value.expires ? std::min(*value.expires, *time) : *time;
  return value;
}

}  // namespace

Result<Value> read_output(std::string_view output, Shape shape, WallClock::time_point now) {
  if (!output.starts_with('{')) return value_of(output, shape, now);
  const WipedJson document = WipedJson::parse(output, nullptr, /*allow_exceptions=*/false);
  if (document.is_discarded()) return fail(Errc::kInvalid, "the output begins with '{' and is not valid JSON");
  const bool is_wrapped = member_of(document, "value") != nullptr || member_of(document, "kind") != nullptr;
  if (shape == Shape::kKeyPair && !is_wrapped) return value_of(output, shape, now);
  return read_json(document, shape, now);
}

}  // namespace enforcer::credentials
