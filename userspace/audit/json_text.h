// The one place where text that somebody else wrote becomes part of a record (invariant 10).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace enforcer::audit {

/// Appends `raw` as the inside of a JSON string: escape_untrusted first (bytes outside printable ASCII as \xNN, what is
/// longer than 512 bytes as both ends, length and hash), then JSON's own escapes for backslash and quote. The result is
/// printable ASCII.
void append_json_text(std::string& out, std::string_view raw);

/// Append one more field of an object: ,"key":"text" and ,"key":number. Keys are literals of ours.
void append_text_field(std::string& out, std::string_view key, std::string_view raw);
void append_number_field(std::string& out, std::string_view key, std::uint64_t number);

/// The path of a request for the record: the values of its query are replaced by '*', for they may be secrets; names
/// stay.
/// "/a?token=s3cret&x" becomes "/a?token=*&*" (a parameter without '=' is all value).
[[nodiscard]] std::string elide_query(std::string_view path);

}  // namespace enforcer::audit
