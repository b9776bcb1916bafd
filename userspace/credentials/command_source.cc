#include "credentials/command_source.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>

#include "base/log.h"
#include "credentials/helper_packet.h"

namespace enforcer::credentials {
namespace {

namespace asio = boost::asio;

/// The helper gives an expiry by itself and a value in the form that read_output() has made of the command's text,
/// which is one that it can be read from again.
Result<Value> value_in(const HelperReply& reply, std::optional<Shape> shape) {
  switch (reply.outcome) {
    case HelperReply::Outcome::kNoSuchCredential:
      return fail(Errc::kUnavailable,
                  "its command is not known to the credential helper, which reads the credential files itself: is its "
                  "file among them?");
    case HelperReply::Outcome::kFailed:
      return fail(Errc::kUnavailable, std::string(reply.text));
    case HelperReply::Outcome::kValue:
    case HelperReply::Outcome::kExpiringValue:
      break;
  }
  if (!shape) return Value{};
  auto value = value_of(reply.text, *shape, WallClock::now());
  if (value && reply.outcome == HelperReply::Outcome::kExpiringValue) value->expires = reply.expires;
  return value;
}

/// Another command, or another shape of what it prints, is another value.
std::string fingerprint_of(const policy::CredentialSpec& spec) {
  std::string fingerprint(1, static_cast<char>(spec.source_shape()));
  for (const std::string& argument : spec.source.argv) {
    fingerprint += argument;
    fingerprint += '\0';
  }
  return fingerprint;
}

}  // namespace

/// One request to the helper.
struct CommandSource::Question {
  CommandSource* source;  ///< null: it is gone
  std::optional<Shape> shape;
  asio::steady_timer timer;  ///< cancelled when the outcome is there
  std::optional<Result<Value>> outcome;
};

CommandSource::CommandSource(asio::io_context& io, Helper helper)
    : io_(io), helper_(std::move(helper)), socket_(io, helper_.socket()), cache_(io) {
  listen();
}

CommandSource::~CommandSource() {
  socket_.release();  // the Helper closes it
  for (auto& [number, question] : questions_) question->source = nullptr;
}

asio::awaitable<Result<Value>> CommandSource::read(const policy::CredentialSpec& spec, Deadline deadline) {
  return cache_.get(
      {.credential = spec.name, .part = {}}, fingerprint_of(spec),
      [this, name = spec.name, shape = spec.source_shape()](Deadline patience) {
        return ask(name, "", shape, patience);
      },
      deadline);
}

std::optional<Result<Value>> CommandSource::look(const policy::CredentialSpec& spec) {
  return cache_.look({.credential = spec.name, .part = {}}, fingerprint_of(spec));
}

asio::awaitable<Result<>> CommandSource::tell(std::string name, std::string line, Deadline deadline) {
  if (line.size() > kMaxInput) {
    co_return fail(Errc::kInvalid, fmt::format("a line of {} octets is too long for {}", line.size(), name));
  }
  const auto told = co_await ask(std::move(name), std::move(line), std::nullopt, deadline);
  if (!told) co_return std::unexpected(told.error());
  co_return Result<>();
}

asio::awaitable<Result<Value>> CommandSource::ask(std::string name, std::string input, std::optional<Shape> shape,
                                                  Deadline deadline) {
  const std::uint64_t number = next_number_++;
  const std::string packet = encode_request({.number = number, .name = std::move(name), .input = std::move(input)});
  if (gone_ || send(helper_.socket(), packet.data(), packet.size(), MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
    const bool busy = !gone_ && errno == EAGAIN;
    co_return fail(Errc::kUnavailable,
                   busy ? "the credential helper is busy" : "the credential helper has ended: restart enforcerd");
  }
  const auto question = std::make_shared<Question>(
      Question{.source = this, .shape = shape, .timer = asio::steady_timer(io_, deadline.when()), .outcome = {}});
  questions_[number] = question;
  while (!question->outcome && !deadline.passed()) {
    co_await question->timer.async_wait(asio::as_tuple(asio::use_awaitable));
  }
  if (question->outcome) co_return *std::move(question->outcome);
  if (question->source != nullptr) question->source->questions_.erase(number);
  co_return fail(Errc::kTimeout, "the credential helper does not answer");
}

void CommandSource::listen() {
  socket_.async_wait(asio::posix::descriptor_base::wait_read, [this](boost::system::error_code error) {
    if (error) return;
    take_replies();
    if (!gone_) listen();
  });
}

void CommandSource::take_replies() {
  while (true) {
    const std::span<char> room = helper_.room();
    const ssize_t size = recv(helper_.socket(), room.data(), room.size(), MSG_DONTWAIT);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && errno == EAGAIN) return;
    if (size <= 0) return lost();
    const auto used = room.first(static_cast<std::size_t>(size));
    if (const auto reply = decode_reply({used.data(), used.size()})) {
      const auto found = questions_.find(reply->number);  // else it is too late
      if (found != questions_.end()) answer(reply->number, value_in(*reply, found->second->shape));
    } else {
      log_error("credential helper: {}", reply.error().message);
    }
    wipe(used);
  }
}

void CommandSource::lost() {
  log_error("the credential helper has ended: credentials with a command are unavailable until enforcerd is restarted");
  gone_ = true;
  while (!questions_.empty()) {
    answer(questions_.begin()->first, fail(Errc::kUnavailable, "the credential helper has ended: restart enforcerd"));
  }
}

void CommandSource::answer(std::uint64_t number, Result<Value> outcome) {
  const auto found = questions_.extract(number);
  found.mapped()->outcome = std::move(outcome);
  found.mapped()->timer.cancel();
}

}  // namespace enforcer::credentials
