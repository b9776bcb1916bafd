// The script that runs inside the guest. POSIX sh and what both busybox and Debian have; no program of the guest is
// asked to reach anything. Each line that it prints is one that parse_probe() knows.
#include "enforcerctl/guest_probe.h"

namespace enforcer::ctl {
namespace {

constexpr std::string_view kScript = R"sh(
pem=$1
print=$2
body=$(printf '%s\n' "$pem" | grep -v -e '-----' | tr -d '\r\n')

# How the file stands to the CA: PEM without line ends, so that their width does not matter.
standing() {
  if [ ! -f "$1" ] || [ ! -r "$1" ]; then echo absent
  elif tr -d '\r\n' <"$1" | grep -qF -e "$body"; then echo holds
  else echo lacks
  fi
}
say_file() { printf '%s %s %s\n' "$1" "$(standing "$2")" "$(printf '%s' "$2" | tr -d '\r\n')"; }
has() { command -v "$1" >/dev/null 2>&1; }

echo 'probe 1'
for name in openssl curl git node npm python3 pip cargo java keytool go docker wget; do
  if has "$name"; then echo "has $name"; fi
done
if ! has pip && has pip3; then echo 'has pip'; fi

for name in SSL_CERT_FILE CURL_CA_BUNDLE GIT_SSL_CAINFO NODE_EXTRA_CA_CERTS npm_config_cafile REQUESTS_CA_BUNDLE \
  PIP_CERT CARGO_HTTP_CAINFO; do
  eval "value=\${$name-}"
  if [ -n "$value" ]; then say_file "var $name" "$value"; fi
done
case " ${NODE_OPTIONS-} " in
  *' --use-system-ca '* | *' --use-openssl-ca '*) echo 'node system' ;;
esac

store=
for file in /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/ca-bundle.pem \
  /etc/ssl/cert.pem; do
  if [ -z "$store" ] && [ -f "$file" ]; then store=$file; fi
done
say_file store "$store"

if has openssl; then
  if printf '%s\n' "$pem" | openssl verify >/dev/null 2>&1; then echo 'openssl holds'; else echo 'openssl lacks'; fi
fi
if has git; then
  value=$(git config --get http.sslCAInfo 2>/dev/null)
  if [ -n "$value" ]; then say_file gitconfig "$value"; fi
fi
if has python3; then
  value=$(python3 -c 'import requests.certs; print(requests.certs.where())' 2>/dev/null)
  if [ -n "$value" ]; then
    echo 'has requests'
    say_file requests "$value"
  fi
fi
if has wget && wget --help 2>&1 | grep -qi busybox; then echo 'wget busybox'; fi
if has java && has keytool; then
  truststore=$(printf '%s %s' "${JAVA_TOOL_OPTIONS-}" "${JDK_JAVA_OPTIONS-}" | tr ' ' '\n' |
    sed -n 's/^-Djavax\.net\.ssl\.trustStore=//p' | tail -n 1)
  if [ -n "$truststore" ]; then
    list=$(keytool -list -keystore "$truststore" -storepass changeit 2>/dev/null)
  else
    list=$(keytool -list -cacerts -storepass changeit 2>/dev/null)
  fi
  if [ -z "$list" ]; then verdict=absent
  elif printf '%s\n' "$list" | grep -qF -e "$print"; then verdict=holds
  else verdict=lacks
  fi
  printf 'java %s %s\n' "$verdict" "$(printf '%s' "$truststore" | tr -d '\r\n')"
fi
echo done
exit 0
)sh";

}  // namespace

std::string_view probe_script() {
  return kScript;
}

}  // namespace enforcer::ctl
