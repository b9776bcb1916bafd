// CertificateAuthority: what one guest trusts for everything, and nobody else trusts for anything. It lives as long as
// the guest: in files, because the guest keeps trusting it while enforcerd restarts.
//
// Immutable once opened, and safe to use from several threads at once: issue() only reads (OpenSSL 3 keys are safe to
// sign with from several threads, and its reference counts are atomic).
#pragma once

#include <memory>
#include <string>

#include "base/deadline.h"
#include "base/host_name.h"
#include "base/ids.h"
#include "base/result.h"
#include "tls/handles.h"
#include "tls/leaf.h"

namespace enforcer::tls {

class CertificateAuthority {
 public:
  /// Loads ca.pem and ca.key from the folder, or makes them (the key 0600, the certificate 0640; each is either whole
  /// or not there). A key alone is what a crash between the two leaves: its certificate is made again, nobody has seen
  /// one. kInvalid: a file is broken, they do not belong together or to this guest, have ended, or the key can be read
  /// by others; the message begins with the path. Nothing that exists is ever replaced. kIo: the folder cannot be used.
  static Result<std::shared_ptr<const CertificateAuthority>> open_or_make(const std::string& folder,
                                                                          const GuestName& guest);
  /// Removes what open_or_make() made: the guest is gone. Nothing there is fine.
  static Result<> remove(const std::string& folder);

  /// What the guest installs.
  [[nodiscard]] const std::string& certificate_pem() const { return pem_; }

  /// A leaf for exactly this name.
  [[nodiscard]] Result<std::shared_ptr<const Leaf>> issue(const HostName& host, const LeafKey& key,
                                                          WallClock::time_point now) const;

 private:
  CertificateAuthority(CertificateHandle certificate, KeyHandle key, std::string pem)
      : certificate_(std::move(certificate)), key_(std::move(key)), pem_(std::move(pem)) {}

  CertificateHandle certificate_;
  KeyHandle key_;
  std::string pem_;
};

}  // namespace enforcer::tls
