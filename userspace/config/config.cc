#include "config/config.h"

#include <fmt/format.h>
#include <sched.h>
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
using policy::YamlNode;

namespace {

constexpr unsigned kMostWorkers = 64;
constexpr std::uint32_t kMostOfALimit = 1'000'000'000;

Cidr block(std::string_view text) {
  const auto parsed = Cidr::parse(text);
  ENFORCER_CHECK(parsed.has_value());
  return *parsed;
}

/// The processors that this process may use, which in a container are fewer than the machine has.
unsigned usable_processors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  const int count = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
  return std::clamp(static_cast<unsigned>(count), 1u, kMostWorkers);
}

template <class T>
void assign(T& into, std::optional<T> value) {
  if (value) into = *std::move(value);
}

/// A number from 1, into a member.
template <class Object, auto member>
void read_count(const YamlNode& node, Object& into, Reader& reader) {
  if (const auto number = policy::read_number(node, 1, kMostOfALimit, reader))
    into.*member = static_cast<std::uint32_t>(*number);
}

template <class Object, auto member>
void read_duration(const YamlNode& node, Object& into, Reader& reader) {
  assign(into.*member, policy::read_duration(node, reader));
}

template <auto member, Family family, int shortest, int longest>
void read_pool_field(const YamlNode& node, GuestAddresses& into, Reader& reader) {
  assign(into.*member, read_pool(node, family, shortest, longest, reader));
}

constexpr Field<GuestAddresses> kSyntheticFields[] = {
    {"ipv4", Need::kOptional, "IPv4 block", read_pool_field<&GuestAddresses::synthetic_ipv4, Family::kIpv4, 8, 24>},
    {"ipv6", Need::kOptional, "IPv6 block", read_pool_field<&GuestAddresses::synthetic_ipv6, Family::kIpv6, 32, 112>},
};

constexpr Field<GuestAddresses> kGuestsFields[] = {
    {"ipv4Pool", Need::kOptional, "IPv4 block", read_pool_field<&GuestAddresses::ipv4_pool, Family::kIpv4, 8, 28>},
    {"ipv6Pool", Need::kOptional, "IPv6 block", read_pool_field<&GuestAddresses::ipv6_pool, Family::kIpv6, 32, 112>},
    {"synthetic", Need::kOptional, "mapping of ipv4 and ipv6",
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

constexpr Field<Config::Dns> kDnsFields[] = {
    {"servers", Need::kOptional, "list of addresses",
     [](const YamlNode& n, Config::Dns& dns, Reader& r) {
       for (const YamlNode& item : policy::list_items(n, "servers", r)) {
         if (const auto server = read_endpoint(item, kDnsPort, r)) dns.servers.push_back(*server);
       }
     }},
};

constexpr Field<Config::OriginTrust> kOriginTrustFields[] = {
    {"system", Need::kOptional, "true or false",
     [](const YamlNode& n, Config::OriginTrust& trust, Reader& r) { assign(trust.system, policy::read_truth(n, r)); }},
    {"files", Need::kOptional, "list of paths",
     [](const YamlNode& n, Config::OriginTrust& trust, Reader& r) { trust.files = read_paths(n, "files", r); }},
};

constexpr Field<Config::Audit> kAuditFields[] = {
    {"path", Need::kOptional, "path",
     [](const YamlNode& n, Config::Audit& a, Reader& r) { assign(a.path, read_path(n, r)); }},
    {"maxBytes", Need::kOptional, "size",
     [](const YamlNode& n, Config::Audit& a, Reader& r) {
       const auto size = policy::read_size(n, r);
       if (size && *size < 64 * 1024) {
         r.report(n.place, Code::kBadValue, "an audit file has at least 64Ki");
       } else {
         assign(a.max_bytes, size);
       }
     }},
    {"maxFiles", Need::kOptional, "number", read_count<Config::Audit, &Config::Audit::max_files>},
    {"journald", Need::kOptional, "true or false",
     [](const YamlNode& n, Config::Audit& a, Reader& r) { assign(a.journald, policy::read_truth(n, r)); }},
};

constexpr Field<Config::Metrics> kMetricsFields[] = {
    {"listen", Need::kOptional, "address:port",
     [](const YamlNode& n, Config::Metrics& m, Reader& r) { assign(m.listen, read_endpoint(n, std::nullopt, r)); }},
    {"perGuestSeries", Need::kOptional, "number", read_count<Config::Metrics, &Config::Metrics::per_guest_series>},
};

/// Bodies of held requests are kept in memory.
constexpr std::uint64_t kLeastBodyLimit = std::uint64_t{1} << 10;
constexpr std::uint64_t kMostBodyLimit = std::uint64_t{16} << 20;  // a guest's bodies that wait take no more together
constexpr std::uint64_t kMostPending = 10'000;

constexpr Field<Config::Review> kReviewFields[] = {
    {"notify", Need::kOptional, "list: program and arguments, or null",
     [](const YamlNode& n, Config::Review& review, Reader& r) {
       if (n.kind != YamlNode::Kind::kNothing) review.notify = read_command(n, "notify", r);
     }},
    {"pendingPerGuest", Need::kOptional, "number",
     [](const YamlNode& n, Config::Review& review, Reader& r) {
       if (const auto number = policy::read_number(n, 1, kMostPending, r))
         review.pending_per_guest = static_cast<std::uint32_t>(*number);
     }},
    {"bodyLimit", Need::kOptional, "size",
     [](const YamlNode& n, Config::Review& review, Reader& r) {
       const auto size = policy::read_size(n, r);
       if (size && (*size < kLeastBodyLimit || *size > kMostBodyLimit)) {
         r.report(n.place, Code::kBadValue, "the body of a held request may have from 1Ki to 16Mi");
       } else {
         assign(review.body_limit, size);
       }
     }},
    {"clientWait", Need::kOptional, "duration",
     [](const YamlNode& n, Config::Review& review, Reader& r) {
       assign(review.client_wait, read_bounded_duration(n, std::chrono::seconds(1), std::chrono::hours(1), r));
     }},
    {"grant", Need::kOptional, "duration",
     [](const YamlNode& n, Config::Review& review, Reader& r) {
       assign(review.grant, read_bounded_duration(n, std::chrono::seconds(1), std::chrono::hours(24), r));
     }},
};

constexpr Field<Config::Images> kImagesFields[] = {
    {"roots", Need::kOptional, "list of paths",
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
    {"roots", Need::kOptional, "list of paths",
     [](const YamlNode& n, Config::Workspaces& w, Reader& r) { w.roots = read_workspace_roots(n, r); }},
};

constexpr Field<Limits> kLimitFields[] = {
    {"connections", Need::kOptional, "number", read_count<Limits, &Limits::connections>},
    {"halfOpen", Need::kOptional, "number", read_count<Limits, &Limits::half_open>},
    {"requestsPerMinute", Need::kOptional, "number", read_count<Limits, &Limits::requests_per_minute>},
    {"decisionsPerMinute", Need::kOptional, "number", read_count<Limits, &Limits::decisions_per_minute>},
    {"distinctNamesPerHour", Need::kOptional, "number", read_count<Limits, &Limits::distinct_names_per_hour>},
    {"uploadBytesPerHour", Need::kOptional, "size or unlimited",
     [](const YamlNode& n, Limits& limits, Reader& r) {
       limits.upload_bytes_per_hour.reset();
       if (n.kind != YamlNode::Kind::kText || n.text != "unlimited")
         limits.upload_bytes_per_hour = policy::read_size(n, r);
     }},
    {"dnsPerSecond", Need::kOptional, "number", read_count<Limits, &Limits::dns_per_second>},
};

constexpr Field<Deadlines> kDeadlineFields[] = {
    {"classify", Need::kOptional, "duration", read_duration<Deadlines, &Deadlines::classify>},
    {"tlsHandshake", Need::kOptional, "duration", read_duration<Deadlines, &Deadlines::tls_handshake>},
    {"originConnect", Need::kOptional, "duration", read_duration<Deadlines, &Deadlines::origin_connect>},
    {"requestHead", Need::kOptional, "duration", read_duration<Deadlines, &Deadlines::request_head>},
    {"requestBody", Need::kOptional, "duration", read_duration<Deadlines, &Deadlines::request_body>},
    {"idle", Need::kOptional, "duration", read_duration<Deadlines, &Deadlines::idle>},
};

void read_instance(const YamlNode& node, Config& config, Reader& reader) {
  const auto text = policy::read_text(node, "instance", reader);
  if (!text) return;
  const auto allowed = [](char c) { return ascii::is_lower(c) || ascii::is_digit(c) || c == '-'; };
  const bool valid = !text->empty() && text->size() <= 20 && std::ranges::all_of(*text, allowed) &&
                     text->front() != '-' && text->back() != '-';
  if (valid) {
    config.instance = *text;
  } else {
    reader.report(node.place, Code::kBadName,
                  fmt::format("'{}' cannot be the name of an instance", escape_untrusted(*text, 64)),
                  "use 1-20 of a-z, 0-9 and '-', not '-' at either end");
  }
}

void read_workers(const YamlNode& node, Config& config, Reader& reader) {
  if (node.kind == YamlNode::Kind::kText && node.text == "auto") {
    config.workers = usable_processors();
  } else if (const auto number = policy::read_number(node, 1, kMostWorkers, reader)) {
    config.workers = static_cast<unsigned>(*number);
  }
}

void read_accelerator(const YamlNode& node, Config& config, Reader& reader) {
  static constexpr std::string_view kWords[] = {"auto", "kvm", "tcg"};
  static constexpr Accelerator kValues[] = {Accelerator::kAuto, Accelerator::kKvm, Accelerator::kTcg};
  if (const auto choice = policy::read_choice(node, kWords, reader)) config.accelerator = kValues[*choice];
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
constexpr Section<Limits> kLimits{"limits", kLimitFields};
constexpr Section<Deadlines> kDeadlines{"deadlines", kDeadlineFields};

/// A part of the configuration that has its own table.
template <auto member, const auto& section>
void read_section(const YamlNode& node, Config& config, Reader& reader) {
  auto& into = config.*member;
  policy::read_object<std::remove_reference_t<decltype(into)>>(node, section.name, section.fields, into, reader);
}

constexpr Field<Config> kConfigFields[] = {
    {"instance", Need::kOptional, "name", read_instance},
    {"workers", Need::kOptional, "auto or number", read_workers},
    {"accelerator", Need::kOptional, "auto, kvm or tcg", read_accelerator},
    {"guests", Need::kOptional, "mapping", read_guests},
    {"dns", Need::kOptional, "mapping", read_section<&Config::dns, kDns>},
    {"originTrust", Need::kOptional, "mapping", read_section<&Config::origin_trust, kOriginTrust>},
    {"egress", Need::kOptional, "mapping",
     [](const YamlNode& n, Config& c, Reader& r) { c.egress_proxy = read_egress(n, r); }},
    {"policies", Need::kOptional, "list of files and folders",
     [](const YamlNode& n, Config& c, Reader& r) { c.policies = read_paths(n, "policies", r); }},
    {"credentials", Need::kOptional, "list of files and folders",
     [](const YamlNode& n, Config& c, Reader& r) { c.credentials = read_paths(n, "credentials", r); }},
    {"audit", Need::kOptional, "mapping", read_section<&Config::audit, kAudit>},
    {"metrics", Need::kOptional, "mapping", read_section<&Config::metrics, kMetrics>},
    {"review", Need::kOptional, "mapping", read_section<&Config::review, kReview>},
    {"images", Need::kOptional, "mapping", read_section<&Config::images, kImages>},
    {"workspaces", Need::kOptional, "mapping", read_section<&Config::workspaces, kWorkspaces>},
    {"limits", Need::kOptional, "mapping", read_section<&Config::limits, kLimits>},
    {"deadlines", Need::kOptional, "mapping", read_section<&Config::deadlines, kDeadlines>},
};

template <class Number>
void lower(Number& limit, const std::optional<std::uint64_t>& other) {
  if (other && *other < limit) limit = static_cast<Number>(*other);
}

ConfigOutcome unreadable(const std::string& path, const Error& error) {
  policy::Diagnostics out;
  const std::string_view message = error.message;
  const std::string prefix = path + ": ";
  out.report(path, {}, Code::kUnreadable,
             std::string(message.starts_with(prefix) ? message.substr(prefix.size()) : message));
  return {std::nullopt, out.take()};
}

}  // namespace

Config::Config()
    : workers(usable_processors()),
      guests{block("100.64.0.0/16"), block("fd77:e::/48"), block("198.18.0.0/15"), block("fd77:5::/64")} {
  metrics.listen = {IpAddress::v4(0x7f000001), Port{9464}};
}

Limits Limits::lowered_by(const policy::LimitOverrides& overrides) const {
  Limits out = *this;
  lower(out.connections, overrides.connections);
  lower(out.half_open, overrides.half_open);
  lower(out.requests_per_minute, overrides.requests_per_minute);
  lower(out.decisions_per_minute, overrides.decisions_per_minute);
  lower(out.distinct_names_per_hour, overrides.distinct_names_per_hour);
  lower(out.dns_per_second, overrides.dns_per_second);
  if (!out.upload_bytes_per_hour) {
    out.upload_bytes_per_hour = overrides.upload_bytes_per_hour;
  } else {
    lower(*out.upload_bytes_per_hour, overrides.upload_bytes_per_hour);
  }
  return out;
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
  const auto sources = policy::read_sources({file});
  if (!sources) {
    if (!path && sources.error().code == Errc::kNotFound) return {Config(), {}};
    return unreadable(file, sources.error());
  }
  if (sources->size() != 1 || sources->front().name != file) return unreadable(file, {Errc::kInvalid, "is a folder"});
  return parse_config(sources->front());
}

}  // namespace enforcer::config
