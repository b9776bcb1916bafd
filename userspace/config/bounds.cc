#include "config/bounds.h"

#include "config/values.h"

namespace enforcer::config {

using policy::Field;
using policy::Need;
using policy::Reader;
using policy::YamlNode;
namespace shape = policy::shape;

namespace {

template <auto member>
void read_duration(const YamlNode& node, Deadlines& into, Reader& reader) {
  if (const auto duration = policy::read_duration(node, reader)) into.*member = *duration;
}

template <class Number>
void lower(Number& limit, const std::optional<std::uint64_t>& other) {
  if (other && *other < limit) limit = static_cast<Number>(*other);
}

constexpr std::string_view kUnlimited[] = {"unlimited"};

constexpr Field<Limits> kLimitFields[] = {
    {"connections", Need::kOptional, kCount, "At the same time. Default 512.",
     read_count<Limits, &Limits::connections>},
    {"halfOpen", Need::kOptional, kCount, "Of them, those that have not said what they want. Default 128.",
     read_count<Limits, &Limits::half_open>},
    {"requestsPerMinute", Need::kOptional, kCount, "Requests over HTTP that are looked into. Default 6000.",
     read_count<Limits, &Limits::requests_per_minute>},
    {"decisionsPerMinute", Need::kOptional, kCount, "Decisions of any kind. Default 6000.",
     read_count<Limits, &Limits::decisions_per_minute>},
    {"distinctNamesPerHour", Need::kOptional, kCount,
     "New names below each suffix that only a wildcard allows. Default 500.",
     read_count<Limits, &Limits::distinct_names_per_hour>},
    {"uploadBytesPerHour", Need::kOptional, shape::size("size or unlimited", kUnlimited),
     "What a guest sends to all its origins. Default unlimited.",
     [](const YamlNode& n, Limits& limits, Reader& r) {
       limits.upload_bytes_per_hour.reset();
       if (n.kind != YamlNode::Kind::kText || n.text != kUnlimited[0])
         limits.upload_bytes_per_hour = policy::read_size(n, r);
     }},
    {"dnsPerSecond", Need::kOptional, kCount, "DNS queries. Default 50.", read_count<Limits, &Limits::dns_per_second>},
};

constexpr Field<Deadlines> kDeadlineFields[] = {
    {"classify", Need::kOptional, shape::duration(),
     "From the connection until it is known what the guest wants. Default 10s.", read_duration<&Deadlines::classify>},
    {"tlsHandshake", Need::kOptional, shape::duration(), "Default 10s.", read_duration<&Deadlines::tls_handshake>},
    {"originConnect", Need::kOptional, shape::duration(), "Looking up the name and connecting together. Default 10s.",
     read_duration<&Deadlines::origin_connect>},
    {"requestHead", Need::kOptional, shape::duration(), "Default 30s.", read_duration<&Deadlines::request_head>},
    {"requestBody", Need::kOptional, shape::duration(), "Of a body that must be read before the decision. Default 60s.",
     read_duration<&Deadlines::request_body>},
    {"idle", Need::kOptional, shape::duration(), "Of a connection over which nothing moves. Default 1h.",
     read_duration<&Deadlines::idle>},
};

}  // namespace

std::vector<policy::FieldShape> limit_fields() {
  return policy::fields_of<kLimitFields>();
}

std::vector<policy::FieldShape> deadline_fields() {
  return policy::fields_of<kDeadlineFields>();
}

void read_limits(const YamlNode& node, Limits& limits, Reader& reader) {
  policy::read_object<Limits>(node, "limits", kLimitFields, limits, reader);
}

void read_deadlines(const YamlNode& node, Deadlines& deadlines, Reader& reader) {
  policy::read_object<Deadlines>(node, "deadlines", kDeadlineFields, deadlines, reader);
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

}  // namespace enforcer::config
