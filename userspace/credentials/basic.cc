#include "credentials/basic.h"

#include <openssl/evp.h>

#include <algorithm>

namespace enforcer::credentials {

std::string basic_authorization(std::string_view username, const Secret& secret) {
  constexpr std::string_view kScheme = "Basic ";
  std::string pair;
  pair.reserve(username.size() + 1 + secret.reveal().size());
  pair += username;
  pair += ':';
  pair += secret.reveal();
  std::string out(kScheme.size() + (pair.size() + 2) / 3 * 4 + 1, '\0');  // EVP_EncodeBlock ends with a NUL
  std::ranges::copy(kScheme, out.begin());
  EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data() + kScheme.size()),
                  reinterpret_cast<const unsigned char*>(pair.data()), static_cast<int>(pair.size()));
  out.pop_back();
  wipe(pair);
  return out;
}

}  // namespace enforcer::credentials
