#include "proxy/placeholder_watch.h"

#include <fmt/format.h>

#include "base/log.h"
#include "credentials/placeholder.h"
#include "proxy/conversation.h"
#include "proxy/worker.h"

namespace enforcer::proxy {

namespace asio = boost::asio;

std::shared_ptr<const KnownPlaceholders> KnownPlaceholders::of(std::string_view instance, const GuestIdentity& guest,
                                                               const policy::GuestPolicy& policy) {
  auto known = std::make_shared<KnownPlaceholders>();
  const credentials::GuestBoot boot{.instance = instance, .guest = guest.name.text(), .epoch = guest.epoch};
  for (auto& placeholder : credentials::placeholders_for(boot, policy)) {
    const std::string_view value = placeholder.value;
    auto needles = credentials::Needles::make({&value, 1});
    if (needles) {
      known->all_.push_back({std::move(placeholder.credential), std::move(placeholder.variable), *std::move(needles)});
    } else {
      log_warning("the placeholder {} of guest {} is not looked for: {}", placeholder.variable, guest.name.text(),
                  needles.error().message);
    }
  }
  return known;
}

/// What passes is looked at in each form, and nothing of it is changed.
class PlaceholderWatch::Body final : public BodySource {
 public:
  Body(PlaceholderWatch& watch, BodySource& body) : watch_(watch), body_(body) {
    for (const auto& known : watch_.known_->all()) scanners_.emplace_back(known.needles);
  }

  asio::awaitable<BodyPart> read_body() override {
    const BodyPart part = co_await body_.read_body();
    for (std::size_t i = 0; i < scanners_.size(); ++i) {
      (void)scanners_[i].feed(part.data);
      if (scanners_[i].findings() > 0) watch_.report(i);
    }
    co_return part;
  }
  [[nodiscard]] Trailers trailers() override { return body_.trailers(); }

 private:
  PlaceholderWatch& watch_;
  BodySource& body_;
  std::vector<credentials::SecretScanner> scanners_;
};

PlaceholderWatch::PlaceholderWatch(Conversation& conversation, const policy::Facts& facts,
                                   std::shared_ptr<const KnownPlaceholders> known)
    : conversation_(conversation), facts_(facts), known_(std::move(known)), reported_(known_->all().size()) {}

void PlaceholderWatch::look_at(const http::RequestHead& head) {
  std::string text = head.path.path;
  if (head.path.query && !head.secret_target) text += "?" + *head.path.query;
  for (const http::HeaderField& field : head.fields) {
    if (!field.secret) text += "\n" + field.name + ":" + field.value;
  }
  look_at(as_bytes(text));
}

void PlaceholderWatch::look_at(Bytes text) {
  for (std::size_t i = 0; i < known_->all().size(); ++i) {
    credentials::SecretScanner scanner(known_->all()[i].needles);
    (void)scanner.feed(text);
    (void)scanner.finish();
    if (scanner.findings() > 0) report(i);
  }
}

BodySource& PlaceholderWatch::over(BodySource& body) {
  body_ = std::make_unique<Body>(*this, body);
  return *body_;
}

void PlaceholderWatch::report(std::size_t which) {
  if (reported_[which]) return;
  reported_[which] = true;
  const KnownPlaceholders::Known& known = known_->all()[which];
  conversation_.worker().metrics().placeholder_strayed(known.credential);
  const std::string place = facts_.host ? facts_.host->text() : facts_.destination->to_string();
  conversation_.decisions().report("placeholder_strayed", fmt::format("{} (credential {}) in a request to {}",
                                                                      known.variable, known.credential, place));
}

}  // namespace enforcer::proxy
