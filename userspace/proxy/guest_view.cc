#include "proxy/guest_view.h"

#include <sys/socket.h>

#include "proxy/placeholder_watch.h"

namespace enforcer::proxy {

std::shared_ptr<const KnownPlaceholders> GuestView::placeholders(std::string_view instance) {
  if (!known_placeholders) known_placeholders = KnownPlaceholders::of(instance, guest->identity(), *policy);
  return known_placeholders;
}

std::optional<std::chrono::nanoseconds> GuestView::still_has(std::chrono::nanoseconds limit) const {
  const auto now = Monotonic::now();
  const auto due = stood_still() + limit;
  if (due > now) return due - now;
  return std::nullopt;
}

void GuestView::answer_at_once(int socket, Bytes answer) {
  if (!answers_at_once_.take(Monotonic::now())) return;
  // The guest's receive window is open at this point of a handshake; what does not fit is lost to the RST, which is an
  // answer too.
  [[maybe_unused]] const ssize_t sent = send(socket, answer.data(), answer.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
}

}  // namespace enforcer::proxy
