#include "policy/facts.h"

namespace enforcer::policy {

std::string_view label(Layer layer) {
  switch (layer) {
    case Layer::kDns:
      return "dns";
    case Layer::kL4:
      return "l4";
    case Layer::kTls:
      return "tls";
    case Layer::kHttp:
      return "http";
  }
  return "";
}

}  // namespace enforcer::policy
