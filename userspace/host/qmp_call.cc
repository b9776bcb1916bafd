#include "host/qmp_call.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <nlohmann/json.hpp>

#include "base/text.h"

namespace enforcer::host {
namespace {

using nlohmann::json;

// What each of our two commands is known by in its answer.
constexpr std::string_view kNegotiationId = "negotiation";
constexpr std::string_view kCommandId = "command";
constexpr std::size_t kMaxReason = 200;

std::string_view qmp_name(QmpCommand command) {
  return command == QmpCommand::kStop ? "stop" : "cont";
}

std::unexpected<Error> not_qmp(std::string_view what) {
  return fail(Errc::kInvalid, fmt::format("QEMU's monitor: {}", what));
}

bool is_answer_to(const json& message, std::string_view id) {
  const auto found = message.find("id");
  return found != message.end() && found->is_string() && found->get_ref<const std::string&>() == id;
}

/// The words of an error answer, made harmless.
std::string reason_of(const json& error) {
  const auto words = error.is_object() ? error.find("desc") : error.end();
  if (!error.is_object() || words == error.end() || !words->is_string()) return "no reason given";
  return escape_untrusted(words->get_ref<const std::string&>(), kMaxReason);
}

}  // namespace

Result<QmpCall> QmpCall::begin(Fd socket, QmpCommand command, Deadline deadline) {
  // Both at once: QEMU carries commands out in order, and what it is sent before it accepts waits in the socket.
  const std::string text = fmt::format(R"({{"execute":"qmp_capabilities","id":"{}"}})"
                                       "\n"
                                       R"({{"execute":"{}","id":"{}"}})"
                                       "\n",
                                       kNegotiationId, qmp_name(command), kCommandId);
  const ssize_t sent = ::send(socket.get(), text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent < 0) return fail_errno("QEMU's monitor");
  if (static_cast<std::size_t>(sent) != text.size()) return fail(Errc::kIo, "QEMU's monitor takes no whole command");
  return QmpCall(std::move(socket), deadline);
}

std::optional<Result<>> QmpCall::turn() {
  std::array<char, 4096> bytes;
  // It ends: with the line limit at the latest, which a flood reaches soon.
  while (true) {
    const ssize_t count = ::recv(socket_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) break;
    if (count < 0) return fail_errno("QEMU's monitor");
    if (count == 0) return fail(Errc::kIo, "QEMU has closed its monitor");
    buffer_.append(bytes.data(), static_cast<std::size_t>(count));
    if (auto over = take_lines()) return over;
  }
  if (deadline_.passed()) return fail(Errc::kTimeout, "QEMU's monitor does not answer");
  return std::nullopt;
}

std::optional<Result<>> QmpCall::take_lines() {
  std::size_t begin = 0;
  while (true) {
    const std::size_t end = buffer_.find('\n', begin);
    if (end == std::string::npos) break;
    if (end - begin > kMaxLine) return not_qmp("a line is too long");
    if (++lines_ > kMaxLines) return not_qmp("too many lines");
    if (auto over = take(std::string_view(buffer_).substr(begin, end - begin))) return over;
    begin = end + 1;
  }
  buffer_.erase(0, begin);
  if (buffer_.size() > kMaxLine) return not_qmp("a line is too long");
  return std::nullopt;
}

std::optional<Result<>> QmpCall::take(std::string_view line) {
  const json message = json::parse(line, nullptr, false);
  if (!message.is_object()) return not_qmp("a line is no JSON object");
  if (awaits_ == Awaits::kGreeting) {
    if (!message.contains("QMP")) return not_qmp("it does not greet");
    awaits_ = Awaits::kCapabilities;
    return std::nullopt;
  }
  if (message.contains("event")) return std::nullopt;  // of the machine, not for us
  return take_answer(message);
}

std::optional<Result<>> QmpCall::take_answer(const json& message) {
  const bool negotiating = awaits_ == Awaits::kCapabilities;
  if (!is_answer_to(message, negotiating ? kNegotiationId : kCommandId)) return not_qmp("an answer to nothing asked");
  if (const auto refused = message.find("error"); refused != message.end()) {
    return fail(Errc::kConflict, fmt::format("QEMU refuses: {}", reason_of(*refused)));
  }
  if (!message.contains("return")) return not_qmp("an answer that says nothing");
  if (!negotiating) return Result<>{};
  awaits_ = Awaits::kCommand;
  return std::nullopt;
}

}  // namespace enforcer::host
