#include "control/answers.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/text.h"
#include "control/explain.h"
#include "control/json.h"

namespace enforcer::control {
namespace {

Answer ok(std::string body) {
  return {200, std::move(body), ""};
}

Answer load_answer(const Result<LoadAnswer>& outcome) {
  if (!outcome) return answer_error(outcome.error());
  if (!outcome->loaded) return {400, encode_load_error(*outcome), ""};
  return ok(encode_load(*outcome));
}

Answer made(const Result<GuestAnswer>& outcome) {
  if (!outcome) return answer_error(outcome.error());
  return {201, encode_guest(*outcome), ""};
}

Answer changed(const Result<GuestAnswer>& outcome) {
  return outcome ? ok(encode_guest(*outcome)) : answer_error(outcome.error());
}

Answer done(const Result<>& outcome) {
  return outcome ? ok(encode_done()) : answer_error(outcome.error());
}

/// The guest of that name; its labels are what policies select by.
asio::awaitable<Result<GuestInfo>> guest_named(Service& service, GuestName name) {
  auto guests = co_await service.backend.guests();
  if (!guests) co_return std::unexpected(guests.error());
  const auto found = std::ranges::find(*guests, name, &GuestInfo::name);
  if (found == guests->end()) co_return fail(Errc::kNotFound, fmt::format("there is no guest {}", name.text()));
  co_return std::move(*found);
}

std::shared_ptr<const policy::Snapshot> snapshot_of(const Service& service) {
  auto snapshot = service.backend.snapshot();
  return snapshot ? std::move(snapshot) : policy::Snapshot::deny_everything(0);
}

asio::awaitable<Answer> answer_explain(Service& service, Caller caller, Target target) {
  const std::string* text = target.field("target");
  if (text == nullptr) co_return answer_error({Errc::kInvalid, "query field \"target\" is missing"});
  auto parsed = parse_explain_target(*text);
  if (!parsed) co_return answer_error(parsed.error());
  ExplainQuery query{.target = *std::move(parsed), .guest = std::nullopt, .labels = {}};
  if (caller.role != Role::kAdmin) query.detail = ExplainQuery::Detail::kForViewers;

  const std::string* labels_text = target.field("labels");
  if (labels_text != nullptr) {
    auto labels = parse_labels(*labels_text);
    if (!labels) co_return answer_error(labels.error());
    query.labels = *std::move(labels);
  }
  if (const std::string* guest_text = target.field("guest")) {
    auto name = GuestName::parse(*guest_text);
    if (!name) co_return answer_error(name.error());
    query.guest = *name;
    if (labels_text == nullptr) {
      auto guest = co_await guest_named(service, *name);
      if (!guest) co_return answer_error(guest.error());
      query.labels = std::move(guest->labels);
    }
  }
  co_return ok(encode_explain(explain(*snapshot_of(service), query)));
}

asio::awaitable<Answer> answer_status(Service& service, std::string (*encode)(const Status&)) {
  const auto status = co_await service.backend.status();
  if (!status) co_return answer_error(status.error());
  co_return ok(encode(*status));
}

asio::awaitable<Answer> answer_guests(Service& service) {
  const auto guests = co_await service.backend.guests();
  if (!guests) co_return answer_error(guests.error());
  co_return ok(encode_guests(*guests));
}

asio::awaitable<Answer> answer_credentials(Service& service) {
  const auto credentials = co_await service.backend.credentials();
  if (!credentials) co_return answer_error(credentials.error());
  co_return ok(encode_credentials(*credentials));
}

asio::awaitable<Answer> answer_rotate(Service& service, Caller caller, std::string name) {
  const auto rotation = co_await service.backend.rotate_credential(caller, std::move(name));
  co_return rotation ? ok(encode_rotation(*rotation)) : answer_error(rotation.error());
}

Answer review_answer(const Result<review::Ticket>& ticket) {
  return ticket ? ok(encode_review(*ticket)) : answer_error(ticket.error());
}

asio::awaitable<Answer> answer_reviews(Service& service) {
  const auto tickets = co_await service.backend.reviews();
  co_return tickets ? ok(encode_reviews(*tickets)) : answer_error(tickets.error());
}

asio::awaitable<Answer> answer_verdict(Service& service, Caller caller, ReviewDecision::Say say, std::string id,
                                       std::string body) {
  auto decision = decode_verdict(body, say, std::move(id));
  if (!decision) co_return answer_error(decision.error());
  co_return review_answer(co_await service.backend.decide_review(caller, *std::move(decision)));
}

Result<TestCredential> read_test(std::string name, const Target& target) {
  TestCredential request{.name = std::move(name)};
  for (const auto& [field, value] : target.query) {
    if (field == "host") {
      request.host = value;
    } else if (field == "path") {
      request.path = value;
    } else if (field == "guest") {
      request.guest = TRY(GuestName::parse(value));
    } else {
      return fail(Errc::kInvalid, fmt::format("query field \"{}\" is unknown", escape_untrusted(field, 64)));
    }
  }
  return request;
}

asio::awaitable<Answer> answer_test(Service& service, Caller caller, std::string name, Target target) {
  auto request = read_test(std::move(name), target);
  if (!request) co_return answer_error(request.error());
  const auto tested = co_await service.backend.test_credential(caller, *std::move(request));
  co_return tested ? ok(encode_credential_test(*tested)) : answer_error(tested.error());
}

asio::awaitable<Answer> answer_apply(Service& service, Caller caller, std::string body) {
  auto documents = decode_documents(body);
  if (!documents) co_return answer_error(documents.error());
  co_return load_answer(co_await service.backend.apply(caller, *std::move(documents)));
}

/// A number of a path or query; none: it is not one.
std::optional<std::uint64_t> generation_number(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (status != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

Answer no_generation(std::string_view text) {
  return answer_error(
      {Errc::kInvalid, fmt::format("'{}' is not the number of a generation", escape_untrusted(text, 32))});
}

asio::awaitable<Answer> answer_roll_back(Service& service, Caller caller, std::string text) {
  const auto generation = generation_number(text);
  if (!generation) co_return no_generation(text);
  co_return load_answer(co_await service.backend.roll_back(caller, *generation));
}

/// All objects, or those of a name that everybody may see.
Answer answer_texts(Service& service, const Target& target, const std::string* name) {
  std::optional<std::uint64_t> generation;
  if (const std::string* text = target.field("generation")) {
    generation = generation_number(*text);
    if (!generation) return no_generation(*text);
  }
  auto texts = service.backend.policy_texts(generation);
  if (!texts) return answer_error(texts.error());
  if (name == nullptr) return ok(encode_texts(*texts));
  std::erase_if(texts->objects,
                [&](const PolicyText& object) { return object.name != *name || !is_for_viewers(object); });
  if (texts->objects.empty()) {
    return answer_error({Errc::kNotFound, fmt::format("generation {} has no policy or guardrail {}", texts->generation,
                                                      escape_untrusted(*name, 64))});
  }
  return ok(encode_texts(*texts));
}

asio::awaitable<Answer> answer_create(Service& service, Caller caller, std::string body) {
  auto request = decode_create(body);
  if (!request) co_return answer_error(request.error());
  std::optional<GuestName> for_caller;
  if (request->ephemeral) for_caller = request->name;
  const auto outcome = co_await service.backend.create_guest(caller, *std::move(request));
  Answer answer = made(outcome);
  if (outcome) answer.made_for_caller = std::move(for_caller);
  co_return answer;
}

asio::awaitable<Answer> answer_one_guest(Service& service, Caller caller, Endpoint endpoint, GuestName name,
                                         std::string body) {
  if (endpoint == Endpoint::kAttachGuest) {
    auto request = decode_attach(body, std::move(name));
    if (!request) co_return answer_error(request.error());
    co_return made(co_await service.backend.attach_guest(caller, *std::move(request)));
  }
  if (endpoint == Endpoint::kDeleteGuest) {
    co_return done(co_await service.backend.delete_guest(caller, std::move(name)));
  }
  if (endpoint == Endpoint::kPauseGuest) {
    const auto most = decode_pause(body);
    if (!most) co_return answer_error(most.error());
    co_return changed(co_await service.backend.pause_guest(caller, std::move(name), *most));
  }
  if (endpoint == Endpoint::kResumeGuest) {
    co_return changed(co_await service.backend.resume_guest(caller, std::move(name)));
  }
  if (endpoint == Endpoint::kLabelGuest) {
    auto change = decode_label_change(body);
    if (!change) co_return answer_error(change.error());
    co_return changed(co_await service.backend.label_guest(caller, std::move(name), *std::move(change)));
  }
  if (endpoint == Endpoint::kAuthority) {
    const auto authority = co_await service.backend.authority(std::move(name));
    co_return authority ? ok(encode_authority(*authority)) : answer_error(authority.error());
  }
  if (endpoint == Endpoint::kEnvironment) {
    const auto variables = co_await service.backend.guest_environment(std::move(name));
    co_return variables ? ok(encode_environment(*variables)) : answer_error(variables.error());
  }
  auto guest = co_await guest_named(service, std::move(name));
  if (!guest) co_return answer_error(guest.error());
  co_return ok(encode_guest({.guest = *std::move(guest), .warning = ""}));
}

}  // namespace

asio::awaitable<Answer> answer(Service& service, Caller caller, Match match, Target target, std::string body) {
  switch (match.endpoint) {
    case Endpoint::kStatus:
      co_return co_await answer_status(service, encode_status);
    case Endpoint::kVersion:
      co_return co_await answer_status(service, encode_version);
    case Endpoint::kPolicies: {
      const auto snapshot = snapshot_of(service);
      co_return ok(encode_policies(snapshot->generation(), snapshot->policies()));
    }
    case Endpoint::kExplain:
      co_return co_await answer_explain(service, caller, std::move(target));
    case Endpoint::kGuests:
      co_return co_await answer_guests(service);
    case Endpoint::kReload:
      co_return load_answer(co_await service.backend.reload(caller));
    case Endpoint::kApply:
      co_return co_await answer_apply(service, caller, std::move(body));
    case Endpoint::kRollBack:
      co_return co_await answer_roll_back(service, caller, std::move(match.name));
    case Endpoint::kGenerations:
      co_return ok(encode_generations(caller.role == Role::kAdmin ? service.backend.generations()
                                                                  : for_viewers(service.backend.generations())));
    case Endpoint::kPolicyText:
      co_return answer_texts(service, target, &match.name);
    case Endpoint::kPolicyTexts:
      co_return answer_texts(service, target, nullptr);
    case Endpoint::kCreateGuest:
      co_return co_await answer_create(service, caller, std::move(body));
    case Endpoint::kGuest:
    case Endpoint::kAuthority:
    case Endpoint::kEnvironment:
    case Endpoint::kAttachGuest:
    case Endpoint::kDeleteGuest:
    case Endpoint::kPauseGuest:
    case Endpoint::kResumeGuest:
    case Endpoint::kLabelGuest: {
      auto name = GuestName::parse(match.name);
      if (!name) co_return answer_error(name.error());
      co_return co_await answer_one_guest(service, caller, match.endpoint, *std::move(name), std::move(body));
    }
    case Endpoint::kCredentials:
      co_return co_await answer_credentials(service);
    case Endpoint::kDeleteCredential:
      co_return done(co_await service.backend.delete_credential(caller, std::move(match.name)));
    case Endpoint::kRotateCredential:
      co_return co_await answer_rotate(service, caller, std::move(match.name));
    case Endpoint::kTestCredential:
      co_return co_await answer_test(service, caller, std::move(match.name), std::move(target));
    case Endpoint::kReviews:
      co_return co_await answer_reviews(service);
    case Endpoint::kReview:
      co_return review_answer(co_await service.backend.review(std::move(match.name)));
    case Endpoint::kApproveReview:
      co_return co_await answer_verdict(service, caller, ReviewDecision::Say::kApprove, std::move(match.name), body);
    case Endpoint::kRejectReview:
      co_return co_await answer_verdict(service, caller, ReviewDecision::Say::kReject, std::move(match.name), body);
    case Endpoint::kLog:
    case Endpoint::kExec:
    case Endpoint::kSetCredential:
    case Endpoint::kWatchReviews:
      break;
  }
  co_return Answer{500, encode_error("internal", "this route has no plain answer"), ""};
}

asio::awaitable<Answer> answer_set_credential(Service& service, Caller caller, std::string name, Result<Secret> value) {
  if (!value) co_return answer_error(value.error());
  co_return done(co_await service.backend.set_credential(caller, std::move(name), *std::move(value)));
}

}  // namespace enforcer::control
