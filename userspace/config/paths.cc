#include "config/paths.h"

namespace enforcer::config {

std::string Paths::gateway_netns() const {
  return "/run/netns/enforcer-" + instance_;
}
std::string Paths::bpffs() const {
  return "/sys/fs/bpf/enforcer/" + instance_;
}

std::string Paths::run_dir() const {
  return "/run/enforcer/" + instance_;
}
std::string Paths::hostd_socket() const {
  return run_dir() + "/hostd.sock";
}
std::string Paths::control_socket() const {
  return run_dir() + "/enforcerd.sock";
}
std::string Paths::guest_run_dir(const GuestName& guest) const {
  return run_dir() + "/guests/" + guest.text();
}
std::string Paths::state_dir() const {
  return "/var/lib/enforcer/" + instance_;
}
std::string Paths::hostd_state_dir() const {
  return state_dir() + "/hostd";
}
std::string Paths::scratch_dir() const {
  return state_dir() + "/scratch";
}
std::string Paths::policies_dir() const {
  return state_dir() + "/policies";
}
std::string Paths::credentials_dir() const {
  return state_dir() + "/credentials";
}
std::string Paths::guests_state_dir() const {
  return state_dir() + "/guests";
}
std::string Paths::guest_state_dir(const GuestName& guest) const {
  return guests_state_dir() + "/" + guest.text();
}

}  // namespace enforcer::config
