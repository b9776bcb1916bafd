#include "config/config.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <utility>

#include "base/ascii.h"
#include "base/text.h"
#include "config/values.h"
#include "policy/schema.h"

namespace enforcer::config {

using policy::Code;
using policy::Field;
using policy::Need;
using policy::Reader;
using policy::Shape;
using policy::YamlNode;
namespace shape = policy::shape;

namespace {

template <class T>
void assign(T& into, std::optional<T> value) {
  if (value) into = *std::move(value);
}

template <auto member, Family family, int shortest, int longest>
void read_pool_field(const YamlNode& node, GuestAddresses& into, Reader& reader) {
  assign(into.*member, read_pool(node, family, shortest, longest, reader));
}

// Values of more than one key.
constexpr Shape kIpv4Block = shape::text("IPv4 block", "^[0-9.]+/[0-9]+$");
constexpr Shape kIpv6Block = shape::text("IPv6 block", "^[0-9a-fA-F:.]+/[0-9]+$");

constexpr Field<GuestAddresses> kSyntheticFields[] = {
    {"ipv4", Need::kOptional, kIpv4Block, "/8 to /24. Default 198.18.0.0/15.",
     read_pool_field<&GuestAddresses::synthetic_ipv4, Family::kIpv4, 8, 24>},
    {"ipv6", Need::kOptional, kIpv6Block, "/32 to /112. Default fd77:5::/64.",
     read_pool_field<&GuestAddresses::synthetic_ipv6, Family::kIpv6, 32, 112>},
};

constexpr Field<GuestAddresses> kGuestsFields[] = {
    {"ipv4Pool", Need::kOptional, kIpv4Block,
     "Addresses of guests and of their gateway, /8 to /28. Default 100.64.0.0/16.",
     read_pool_field<&GuestAddresses::ipv4_pool, Family::kIpv4, 8, 28>},
    {"ipv6Pool", Need::kOptional, kIpv6Block, "/32 to /112. Default fd77:e::/48.",
     read_pool_field<&GuestAddresses::ipv6_pool, Family::kIpv6, 32, 112>},
    {"synthetic", Need::kOptional, shape::object(policy::fields_of<kSyntheticFields>, "mapping of ipv4 and ipv6"),
     "What names resolve to inside a guest.",
     [](const YamlNode& n, GuestAddresses& g, Reader& r) {
       policy::read_object<GuestAddresses>(n, "synthetic", kSyntheticFields, g, r);
     }},
};

void read_guests(const YamlNode& node, Config& config, Reader& reader) {
  if (!policy::read_object<GuestAddresses>(node, "guests", kGuestsFields, config.guests, reader)) return;
  const auto overlap = [](const Cidr& a, const Cidr& b) { return a.contains(b.network()) || b.contains(a.network()); };
  const GuestAddresses& g = config.guests;
  if (overlap(g.ipv4_pool, g.synthetic_ipv4) || overlap(g.ipv6_pool, g.synthetic_ipv6)) {
    reader.report(node.place, Code::kConflict,
                  "the blocks of 'guests' overlap: an address must not be both a guest's and a name's");
  }
}

constexpr Shape kServer = shape::text("address").like("192.0.2.1:53");

constexpr Field<Config::Dns> kDnsFields[] = {
    {"servers", Need::kOptional, shape::list(kServer, "list of addresses"),
     "Where names are looked up. Empty, the default: as /etc/resolv.conf says.",
     [](const YamlNode& n, Config::Dns& dns, Reader& r) {
       for (const YamlNode& item : policy::list_items(n, "servers", r)) {
         if (const auto server = read_endpoint(item, kDnsPort, r)) dns.servers.push_back(*server);
       }
     }},
};

constexpr Field<Config::OriginTrust> kOriginTrustFields[] = {
    {"system", Need::kOptional, shape::truth(), "The CAs of this host. Default true.",
     [](const YamlNode& n, Config::OriginTrust& trust, Reader& r) { assign(trust.system, policy::read_truth(n, r)); }},
    {"files", Need::kOptional, shape::list(shape::kPath, "list of paths"), "More of them, PEM.",
     [](const YamlNode& n, Config::OriginTrust& trust, Reader& r) { trust.files = read_paths(n, "files", r); }},
};

constexpr Field<Config::Audit> kAuditFields[] = {
    {"path", Need::kOptional, shape::kPath, "Default /var/log/enforcer/audit.jsonl.",
     [](const YamlNode& n, Config::Audit& a, Reader& r) { assign(a.path, read_path(n, r)); }},
    {"maxBytes", Need::kOptional, shape::size(), "Of one file, at least 64Ki; then a new one is begun. Default 256Mi.",
     [](const YamlNode& n, Config::Audit& a, Reader& r) {
       const auto size = policy::read_size(n, r);
       if (size && *size < 64 * 1024) {
         r.report(n.place, Code::kBadValue, "an audit file has at least 64Ki");
       } else {
         assign(a.max_bytes, size);
       }
     }},
    {"maxFiles", Need::kOptional, kCount, "The oldest goes. Default 16.",
     read_count<Config::Audit, &Config::Audit::max_files>},
    {"journald", Need::kOptional, shape::truth(), "A copy of each record in the systemd journal. Default false.",
     [](const YamlNode& n, Config::Audit& a, Reader& r) { assign(a.journald, policy::read_truth(n, r)); }},
};

constexpr Field<Config::Metrics> kMetricsFields[] = {
    {"listen", Need::kOptional, shape::text("address:port", ":[0-9]+$").like("127.0.0.1:9464"),
     "/metrics, /-/healthy, /-/ready; no authentication. Default 127.0.0.1:9464.",
     [](const YamlNode& n, Config::Metrics& m, Reader& r) { assign(m.listen, read_endpoint(n, std::nullopt, r)); }},
    {"perGuestSeries", Need::kOptional, kCount,
     "Deny counters of one guest; what is beyond counts under rule=other. Default 2000.",
     read_count<Config::Metrics, &Config::Metrics::per_guest_series>},
};

/// Bodies of held requests are kept in memory.
constexpr std::uint64_t kLeastBodyLimit = std::uint64_t{1} << 10;
constexpr std::uint64_t kMostBodyLimit = std::uint64_t{16} << 20;  // a guest's bodies that wait take no more together
constexpr std::uint64_t kMostPending = 10'000;

constexpr std::string_view kOrNothing[] = {"null"};
constexpr Shape kCommandOrNothing{.kind = Shape::Kind::kList,
                                  .called = "list: program and arguments, or null",
                                  .words = kOrNothing,
                                  .least = 1,
                                  .item = &shape::kAnyText,
                                  .other = &shape::kPath};

constexpr Field<Config::Review> kReviewFields[] = {
    {"notify", Need::kOptional, kCommandOrNothing,
     "Run for each held request; it reads one line of JSON. No shell. Default null.",
     [](const YamlNode& n, Config::Review& review, Reader& r) {
       if (n.kind != YamlNode::Kind::kNothing) review.notify = read_command(n, "notify", r);
     }},
    {"pendingPerGuest", Need::kOptional, shape::number(1, kMostPending),
     "Undecided at the same time; what is beyond is denied. Default 32.",
     [](const YamlNode& n, Config::Review& review, Reader& r) {
       if (const auto number = policy::read_number(n, 1, kMostPending, r))
         review.pending_per_guest = static_cast<std::uint32_t>(*number);
     }},
    {"bodyLimit", Need::kOptional, shape::size(), "Of the body of one held request, 1Ki to 16Mi. Default 10Mi.",
     [](const YamlNode& n, Config::Review& review, Reader& r) {
       const auto size = policy::read_size(n, r);
       if (size && (*size < kLeastBodyLimit || *size > kMostBodyLimit)) {
         r.report(n.place, Code::kBadValue, "the body of a held request may have from 1Ki to 16Mi");
       } else {
         assign(review.body_limit, size);
       }
     }},
    {"clientWait", Need::kOptional, shape::duration(),
     "Then the guest is told to try again, and the question stays; 1s to 1h. Default 55s.",
     [](const YamlNode& n, Config::Review& review, Reader& r) {
       assign(review.client_wait, read_bounded_duration(n, std::chrono::seconds(1), std::chrono::hours(1), r));
     }},
    {"grant", Need::kOptional, shape::duration(),
     "How long an approval waits for the guest to come back; 1s to 24h. Default 15m.",
     [](const YamlNode& n, Config::Review& review, Reader& r) {
       assign(review.grant, read_bounded_duration(n, std::chrono::seconds(1), std::chrono::hours(24), r));
     }},
};

constexpr Field<Config::Images> kImagesFields[] = {
    {"roots", Need::kOptional, shape::list(shape::kPath, "list of paths"),
     "Folders of images. Default [/var/lib/enforcer/images].",
     [](const YamlNode& n, Config::Images& i, Reader& r) { i.roots = read_paths(n, "roots", r); }},
};

/// hostd compares paths by their components, so a root is spelled in one way only; and "/" would be every folder.
std::vector<std::string> read_workspace_roots(const YamlNode& node, Reader& reader) {
  std::vector<std::string> roots;
  for (const YamlNode& item : policy::list_items(node, "roots", reader)) {
    auto root = read_path(item, reader);
    if (!root) continue;
    if (*root == "/" || root->ends_with('/') || std::filesystem::path(*root).lexically_normal().string() != *root) {
      reader.report(item.place, Code::kBadValue,
                    fmt::format("'{}' cannot be a root of workspaces", escape_untrusted(*root, 128)),
                    "write a folder below / without '.', '..' and needless slashes");
      continue;
    }
    roots.push_back(*std::move(root));
  }
  return roots;
}

constexpr Field<Config::Workspaces> kWorkspacesFields[] = {
    {"roots", Need::kOptional, shape::list(shape::kPath, "list of paths"),
     "Guests may share what lies below one of these. Default [/home, /srv].",
     [](const YamlNode& n, Config::Workspaces& w, Reader& r) { w.roots = read_workspace_roots(n, r); }},
};

void read_instance(const YamlNode& node, Config& config, Reader& reader) {
  const auto text = policy::read_text(node, "instance", reader);
  if (!text) return;
  if (is_instance_name(*text)) {
    config.instance = *text;
  } else {
    reader.report(node.place, Code::kBadName,
                  fmt::format("'{}' cannot be the name of an instance", escape_untrusted(*text, 64)),
                  std::string(kInstanceNameRule));
  }
}

constexpr std::string_view kAuto[] = {"auto"};

void read_workers(const YamlNode& node, Config& config, Reader& reader) {
  if (node.kind == YamlNode::Kind::kText && node.text == kAuto[0]) {
    config.workers = Config().workers;
  } else if (const auto number = policy::read_number(node, 1, kMostWorkers, reader)) {
    config.workers = static_cast<unsigned>(*number);
  }
}

constexpr std::string_view kAccelerators[] = {"auto", "kvm", "tcg"};

void read_accelerator(const YamlNode& node, Config& config, Reader& reader) {
  static constexpr Accelerator kValues[] = {Accelerator::kAuto, Accelerator::kKvm, Accelerator::kTcg};
  if (const auto choice = policy::read_choice(node, kAccelerators, reader)) config.accelerator = kValues[*choice];
}

template <class T>
struct Section {
  std::string_view name;
  std::span<const Field<T>> fields;
};
constexpr Section<Config::Dns> kDns{"dns", kDnsFields};
constexpr Section<Config::OriginTrust> kOriginTrust{"originTrust", kOriginTrustFields};
constexpr Section<Config::Audit> kAudit{"audit", kAuditFields};
constexpr Section<Config::Metrics> kMetrics{"metrics", kMetricsFields};
constexpr Section<Config::Review> kReview{"review", kReviewFields};
constexpr Section<Config::Images> kImages{"images", kImagesFields};
constexpr Section<Config::Workspaces> kWorkspaces{"workspaces", kWorkspacesFields};

/// A part of the configuration that has its own table.
template <auto member, const auto& section>
void read_section(const YamlNode& node, Config& config, Reader& reader) {
  auto& into = config.*member;
  policy::read_object<std::remove_reference_t<decltype(into)>>(node, section.name, section.fields, into, reader);
}

constexpr Field<Config> kConfigFields[] = {
    {"instance", Need::kOptional, shape::text("name", "^[a-z0-9]([a-z0-9-]{0,18}[a-z0-9])?$"),
     "Its paths in /run/enforcer, /var/lib/enforcer and /sys/fs/bpf/enforcer have it in them. Default default.",
     read_instance},
    {"workers", Need::kOptional, shape::number(1, kMostWorkers, "auto or number", kAuto),
     "Threads that carry traffic. Default auto: one for each processor.", read_workers},
    {"accelerator", Need::kOptional, shape::choice(kAccelerators),
     "Of microVMs; `auto` is kvm where it proves to work. Default auto.", read_accelerator},
    {"guests", Need::kOptional, shape::object(policy::fields_of<kGuestsFields>),
     "Addresses that exist only between guests and Enforcer; the blocks must not overlap.", read_guests},
    {"dns", Need::kOptional, shape::object(policy::fields_of<kDnsFields>), "Where names are looked up.",
     read_section<&Config::dns, kDns>},
    {"originTrust", Need::kOptional, shape::object(policy::fields_of<kOriginTrustFields>),
     "Whose certificates origins may have.", read_section<&Config::origin_trust, kOriginTrust>},
    {"egress", Need::kOptional, shape::object(egress_fields), "The way to origins.",
     [](const YamlNode& n, Config& c, Reader& r) { c.egress_proxy = read_egress(n, r); }},
    {"policies", Need::kOptional, shape::list(shape::kPath, "list of files and folders"),
     "Default [/etc/enforcer/policies].",
     [](const YamlNode& n, Config& c, Reader& r) { c.policies = read_paths(n, "policies", r); }},
    {"credentials", Need::kOptional, shape::list(shape::kPath, "list of files and folders"),
     "Loaded together with the policies. Default [/etc/enforcer/credentials].",
     [](const YamlNode& n, Config& c, Reader& r) { c.credentials = read_paths(n, "credentials", r); }},
    {"audit", Need::kOptional, shape::object(policy::fields_of<kAuditFields>), "The log of decisions.",
     read_section<&Config::audit, kAudit>},
    {"metrics", Need::kOptional, shape::object(policy::fields_of<kMetricsFields>), "For Prometheus.",
     read_section<&Config::metrics, kMetrics>},
    {"review", Need::kOptional, shape::object(policy::fields_of<kReviewFields>),
     "Requests that a `review` rule holds until somebody decides.", read_section<&Config::review, kReview>},
    {"images", Need::kOptional, shape::object(policy::fields_of<kImagesFields>), "What microVMs boot.",
     read_section<&Config::images, kImages>},
    {"workspaces", Need::kOptional, shape::object(policy::fields_of<kWorkspacesFields>),
     "Folders that guests may share.", read_section<&Config::workspaces, kWorkspaces>},
    {"limits", Need::kOptional, shape::object(limit_fields), "For each guest; a policy may lower them.",
     [](const YamlNode& n, Config& c, Reader& r) { read_limits(n, c.limits, r); }},
    {"deadlines", Need::kOptional, shape::object(deadline_fields), "How long one side may let the other wait.",
     [](const YamlNode& n, Config& c, Reader& r) { read_deadlines(n, c.deadlines, r); }},
};

ConfigOutcome unreadable(const std::string& path, std::string why) {
  policy::Diagnostics out;
  out.report(path, {}, Code::kUnreadable, std::move(why));
  return {std::nullopt, out.take()};
}

}  // namespace

bool is_instance_name(std::string_view text) {
  const auto allowed = [](char c) { return ascii::is_lower(c) || ascii::is_digit(c) || c == '-'; };
  return !text.empty() && text.size() <= 20 && std::ranges::all_of(text, allowed) && text.front() != '-' &&
         text.back() != '-';
}

std::vector<policy::FieldShape> config_fields() {
  return policy::fields_of<kConfigFields>();
}

ConfigOutcome parse_config(const policy::SourceText& source) {
  policy::Diagnostics problems;
  Reader reader(source.name, problems);
  Config config;
  const auto documents = policy::read_yaml(source.name, source.text, problems);
  if (!documents.empty())
    policy::read_object<Config>(documents.front(), "the configuration", kConfigFields, config, reader);
  if (documents.size() > 1) {
    reader.report(documents[1].place, Code::kSyntax, "a second document: the configuration is one");
  }
  ConfigOutcome outcome;
  if (!problems.has_errors()) outcome.config = std::move(config);
  outcome.diagnostics = problems.take();
  return outcome;
}

std::vector<std::string> source_paths(const std::vector<std::string>& policies,
                                      const std::vector<std::string>& credentials) {
  std::vector<std::string> paths = policies;
  for (const std::string& path : credentials) {
    const bool missing = path == kDefaultCredentials && access(path.c_str(), F_OK) != 0 && errno == ENOENT;
    if (!missing) paths.push_back(path);
  }
  return paths;
}

ConfigOutcome load_config(const std::optional<std::string>& path) {
  const std::string file = path.value_or(kDefaultPath);
  if (!path && access(file.c_str(), F_OK) != 0 && errno == ENOENT) return {Config(), {}};
  const auto sources = policy::read_sources({file});
  if (sources.size() != 1 || sources.front().name != file) return unreadable(file, "is a folder");
  if (sources.front().refusal) return {std::nullopt, policy::refusals_of(sources)};
  return parse_config(sources.front());
}

}  // namespace enforcer::config
