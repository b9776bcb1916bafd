#include "proxy/guest_view.h"

#include "proxy/placeholder_watch.h"

namespace enforcer::proxy {

std::shared_ptr<const KnownPlaceholders> GuestView::placeholders(std::string_view instance) {
  if (!known_placeholders) known_placeholders = KnownPlaceholders::of(instance, guest->identity(), *policy);
  return known_placeholders;
}

}  // namespace enforcer::proxy
