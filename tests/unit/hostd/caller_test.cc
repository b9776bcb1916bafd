// Who asked, by the kernel's word: real sockets, real users. Needs root, which hostd is.
#include "hostd/caller.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "../temporary_folder.h"
#include "base/fd.h"
#include "host/microvm.h"

namespace enforcer::hostd {
namespace {

constexpr uid_t kService = 64777;
constexpr host::Account kKim{54321, 54322};
constexpr gid_t kAdmins = 54399;

struct Place {
  Place() {
    REQUIRE(chmod(own.path().c_str(), 0777) == 0);
    control = {.path = folder + "/enforcerd.sock", .enforcerd_uid = kService, .admins = kAdmins};
  }
  TemporaryFolder own;
  std::string folder = own.path();
  ControlSocket control;
};

struct Address {
  explicit Address(const std::string& path) {
    name.sun_family = AF_UNIX;
    path.copy(name.sun_path, path.size());
    size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
  }
  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&name); }
  sockaddr_un name{};
  socklen_t size = 0;
};

Fd stream_socket(int type = SOCK_STREAM) {
  return Fd(::socket(AF_UNIX, type | SOCK_CLOEXEC, 0));
}

Fd listen_there(const std::string& path, int type = SOCK_STREAM) {
  Fd listener = stream_socket(type);
  const Address address(path);
  REQUIRE(::bind(listener.get(), address.get(), address.size) == 0);
  if (path.front() == '/') REQUIRE(::chmod(path.c_str(), 0777) == 0);
  REQUIRE(::listen(listener.get(), 8) == 0);
  return listener;
}

/// Runs in a process of that account, which ends with it.
template <class Action>
void as_account(const host::Account& account, const std::vector<gid_t>& groups, Action action) {
  const pid_t pid = ::fork();
  REQUIRE(pid >= 0);
  if (pid == 0) {
    const bool became = ::setgroups(groups.size(), groups.data()) == 0 &&
                        ::setresgid(account.gid, account.gid, account.gid) == 0 &&
                        ::setresuid(account.uid, account.uid, account.uid) == 0;
    _exit(became && action() ? 0 : 1);
  }
  int status = -1;
  REQUIRE(::waitpid(pid, &status, 0) == pid);
  REQUIRE(status == 0);
}

struct Connection {
  Fd client;
  Fd accepted;
};

/// A client of that account; its end stays with us, so that the connection is open.
Connection connect_as(const host::Account& account, const std::string& path, const std::string& client_name = {},
                      int type = SOCK_STREAM, const std::vector<gid_t>& groups = {kAdmins}) {
  const Fd listener = listen_there(path, type);
  Connection made{.client = stream_socket(type), .accepted = {}};
  as_account(account, groups, [&] {
    const Address own(client_name);
    if (!client_name.empty() && ::bind(made.client.get(), own.get(), own.size) != 0) return false;
    const Address address(path);
    return ::connect(made.client.get(), address.get(), address.size) == 0;
  });
  made.accepted = Fd(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  REQUIRE(made.accepted.valid());
  ::unlink(path.c_str());
  return made;
}

/// kIo, which none of the refusals is, stands for "it is theirs".
Errc refusal(int connection, const host::Account& claimed, const ControlSocket& control) {
  const auto asked = require_caller(connection, claimed, control);
  return asked ? Errc::kIo : asked.error().code;
}

bool is_root_here() {
  if (geteuid() == 0) return true;
  fmt::print("SKIP: needs root, which becomes whoever connects\n");
  return false;
}

TEST_CASE("caller_is_whoever_connected_and_nobody_else") {
  if (!is_root_here()) return;
  const Place place;
  const Connection kims = connect_as(kKim, place.control.path);
  CHECK(refusal(kims.accepted.get(), kKim, place.control) == Errc::kIo);
  CHECK(refusal(kims.accepted.get(), {kKim.uid + 1, kKim.gid}, place.control) == Errc::kDenied);
  CHECK(refusal(kims.accepted.get(), {kKim.uid, kKim.gid + 1}, place.control) == Errc::kDenied);
  CHECK(refusal(kims.accepted.get(), {0, 0}, place.control) == Errc::kDenied);
  const Connection roots = connect_as({0, 0}, place.control.path);
  CHECK(refusal(roots.accepted.get(), {0, 0}, place.control) == Errc::kIo);
  CHECK(refusal(roots.accepted.get(), kKim, place.control) == Errc::kDenied);
}

TEST_CASE("accounts_that_are_no_persons_share_nothing") {
  if (!is_root_here()) return;
  const Place place;
  const uid_t first = host::kGuestUidBase;
  for (const uid_t uid : {kService, uid_t{65534}, first, first + 1, first + 0xff'ffff}) {
    CAPTURE(uid);
    const Connection made = connect_as({uid, uid}, place.control.path);
    CHECK(refusal(made.accepted.get(), {uid, uid}, place.control) == Errc::kDenied);
  }
  for (const uid_t uid : {kService + 1, uid_t{65533}, first - 1, first + 0x100'0000}) {
    CAPTURE(uid);
    const Connection made = connect_as({uid, uid}, place.control.path);
    CHECK(refusal(made.accepted.get(), {uid, uid}, place.control) == Errc::kIo);
  }
}

TEST_CASE("who_makes_no_guests_shares_nothing") {
  if (!is_root_here()) return;
  const Place place;
  const auto refused = [&](const host::Account& account, const std::vector<gid_t>& groups,
                           const ControlSocket& control) {
    const Connection made = connect_as(account, control.path, {}, SOCK_STREAM, groups);
    return refusal(made.accepted.get(), account, control);
  };
  CHECK(refused(kKim, {}, place.control) == Errc::kDenied);
  CHECK(refused(kKim, {kAdmins + 1, kAdmins - 1}, place.control) == Errc::kDenied);
  CHECK(refused(kKim, {kAdmins + 1, kAdmins}, place.control) == Errc::kIo);
  CHECK(refused({kKim.uid, kAdmins}, {}, place.control) == Errc::kIo);  // as the primary one
  CHECK(refused({0, 0}, {}, place.control) == Errc::kIo);
  ControlSocket no_group = place.control;
  no_group.admins = std::nullopt;
  CHECK(refused(kKim, {kAdmins}, no_group) == Errc::kDenied);
  CHECK(refused({0, 0}, {}, no_group) == Errc::kIo);
}

TEST_CASE("connection_that_is_over_says_nothing_any_more") {
  if (!is_root_here()) return;
  const Place place;
  Connection made = connect_as(kKim, place.control.path);
  CHECK(refusal(made.accepted.get(), kKim, place.control) == Errc::kIo);
  made.client.reset();
  CHECK(refusal(made.accepted.get(), kKim, place.control) == Errc::kDenied);
}

TEST_CASE("what_a_hostile_enforcerd_could_make_itself_is_nobodys_connection") {
  if (!is_root_here()) return;
  const Place place;
  // Kim listens somewhere; whoever connects there sees kim's uid at the other end.
  const Fd kims_listener = stream_socket();
  const std::string kims_path = place.folder + "/kims.sock";
  as_account(kKim, {}, [&] {
    const Address address(kims_path);
    return ::bind(kims_listener.get(), address.get(), address.size) == 0 && ::listen(kims_listener.get(), 8) == 0;
  });
  REQUIRE(::chmod(kims_path.c_str(), 0777) == 0);
  const auto connected_from = [&](const std::string& own_name) {
    Fd client = stream_socket();
    const Address own(own_name);
    if (!own_name.empty()) REQUIRE(::bind(client.get(), own.get(), own.size) == 0);
    const Address address(kims_path);
    REQUIRE(::connect(client.get(), address.get(), address.size) == 0);
    return client;
  };
  const Fd unnamed = connected_from("");
  const Fd named = connected_from(place.control.path);  // its own name is the right one
  ::unlink(place.control.path.c_str());
  ucred who{};
  socklen_t size = sizeof who;
  REQUIRE(::getsockopt(named.get(), SOL_SOCKET, SO_PEERCRED, &who, &size) == 0);
  REQUIRE(who.uid == kKim.uid);  // what makes this an attack
  CHECK(refusal(unnamed.get(), kKim, place.control) == Errc::kInvalid);
  CHECK(refusal(named.get(), kKim, place.control) == Errc::kInvalid);

  const Connection elsewhere = connect_as(kKim, place.folder + "/other.sock");
  CHECK(refusal(elsewhere.accepted.get(), kKim, place.control) == Errc::kInvalid);
  const Connection longer = connect_as(kKim, place.control.path + "x");
  CHECK(refusal(longer.accepted.get(), kKim, place.control) == Errc::kInvalid);
  const std::string abstract = std::string(1, '\0') + place.control.path;
  const Connection hidden = connect_as(kKim, abstract);
  CHECK(refusal(hidden.accepted.get(), kKim, place.control) == Errc::kInvalid);
  const Connection has_a_name = connect_as(kKim, place.control.path, place.folder + "/client.sock");
  CHECK(refusal(has_a_name.accepted.get(), kKim, place.control) == Errc::kInvalid);
  const Connection packets = connect_as(kKim, place.control.path, {}, SOCK_SEQPACKET);
  CHECK(refusal(packets.accepted.get(), kKim, place.control) == Errc::kInvalid);

  int pair[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
  const Fd left(pair[0]), right(pair[1]);
  CHECK(refusal(left.get(), kKim, place.control) == Errc::kInvalid);
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  const Fd in(ends[0]), out(ends[1]);
  CHECK(refusal(in.get(), kKim, place.control) == Errc::kInvalid);
  const Fd listener = listen_there(place.control.path);
  CHECK(refusal(listener.get(), kKim, place.control) == Errc::kInvalid);
  ::unlink(place.control.path.c_str());
  const Connection honest = connect_as(kKim, place.control.path);  // the control
  CHECK(refusal(honest.accepted.get(), kKim, place.control) == Errc::kIo);
}

TEST_CASE("name_that_fills_an_address_is_read_to_its_end_and_no_further") {
  if (!is_root_here()) return;
  Place place;
  constexpr std::size_t kMost = sizeof(sockaddr_un::sun_path);
  place.control.path = place.folder + "/" + std::string(kMost - place.folder.size() - 1, 'x');
  REQUIRE(place.control.path.size() == kMost);
  const Connection made = connect_as({0, 0}, place.control.path);
  CHECK(refusal(made.accepted.get(), {0, 0}, place.control) == Errc::kIo);
  place.control.path.back() = 'y';
  CHECK(refusal(made.accepted.get(), {0, 0}, place.control) == Errc::kInvalid);
}

}  // namespace
}  // namespace enforcer::hostd
