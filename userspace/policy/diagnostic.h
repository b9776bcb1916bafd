// Diagnostics: everything that is wrong with policies or with the configuration, in compiler style, with stable codes.
//
// Reading goes on after a problem, so that one run shows all problems of all files. A code is for ever: what it stands
// for may be said better, but never becomes something else (scripts and search engines know it). policies/README.md
// lists them all and policies/diagnostics.md explains each; tests prove that both agree with this table.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace enforcer::policy {

enum class Severity { kWarning, kError };

struct Diagnostic {
  std::string file;
  int line = 1;      ///< from 1
  int column = 1;    ///< from 1, in octets, as compilers count
  std::string code;  ///< "E0102"
  Severity severity = Severity::kError;
  std::string message;
  std::string hint;  ///< what to do about it, or empty

  /// "coding-agent.yaml:20:36: error[E0102]: unknown key 'path' in http matcher; did you mean 'paths'?"
  [[nodiscard]] std::string to_string() const;
  /// Where the code is explained, with an example that is wrong and one that is right: "policies/diagnostics.md#e0102".
  [[nodiscard]] std::string page() const;
};

// NAME, code, what it stands for. E: nothing is loaded. W: loaded all the same.
#define ENFORCER_DIAGNOSTIC_CODES(X)                                                                             \
  X(kUnreadable, "E0001", "the file cannot be read")                                                             \
  X(kTooLarge, "E0002", "the file is larger than 1 MiB")                                                         \
  X(kNotText, "E0003", "not plain UTF-8 text: a byte order mark, a control character, invalid UTF-8")            \
  X(kTab, "E0004", "a tab character")                                                                            \
  X(kSyntax, "E0005", "not YAML")                                                                                \
  X(kIndirection, "E0006", "an alias, anchor, tag, merge key or directive")                                      \
  X(kTooDeep, "E0007", "nested deeper than 32 levels")                                                           \
  X(kDuplicateKey, "E0008", "a key that stands twice in one mapping")                                            \
  X(kBadKey, "E0009", "a key that is not plain text")                                                            \
  X(kWrongShape, "E0101", "text where a list or mapping belongs, or the other way round")                        \
  X(kUnknownKey, "E0102", "a key that does not exist here")                                                      \
  X(kMissingKey, "E0103", "a key that must be there is not")                                                     \
  X(kNotOneOf, "E0104", "a value that is not one of the possible ones")                                          \
  X(kBadValue, "E0105", "not a number, size, duration, time or address of the right form, or out of range")      \
  X(kBadKind, "E0106", "a kind that does not exist or is not supported in this version")                         \
  X(kBadName, "E0107", "not a name: a-z, 0-9, '-', '_' and '.', at most 63 characters, reserved ones excepted")  \
  X(kTakenName, "E0108", "a name that is already taken by another object or rule")                               \
  X(kEmpty, "E0109", "an empty list or mapping where at least one entry is needed")                              \
  X(kConflict, "E0110", "two keys that exclude each other")                                                      \
  X(kBadHost, "E0201", "neither a host name nor an address block")                                               \
  X(kBadWildcard, "E0202", "a wildcard where none may stand")                                                    \
  X(kBroad, "E0203", "a wildcard over a whole top-level domain or public suffix without 'broad: true'")          \
  X(kBadPort, "E0204", "not a port: 1-65535 or '*'")                                                             \
  X(kPrivateSpace, "E0205", "an address block that is not globally routable without 'private: true'")            \
  X(kMetadata, "E0206", "a cloud metadata address, which is always denied")                                      \
  X(kNeedsRequests, "E0207", "a rule that must see requests, but says 'inspect: never' or 'protocol: tcp'")      \
  X(kOpaqueOverlap, "E0208", "a 'protocol: tcp' rule on a host and port that has other rules")                   \
  X(kAlwaysDenied, "E0209", "an allow that a deny covers completely")                                            \
  X(kBadPattern, "E0210", "not a pattern of paths, methods, headers, actions or repositories")                   \
  X(kNoSuchPreset, "E0211", "an include of a preset that does not exist")                                        \
  X(kTestFailed, "E0212", "one of spec.tests comes out differently")                                             \
  X(kNoSuchCredential, "E0213", "a credential that no Credential is called")                                     \
  X(kCredentialElsewhere, "E0214", "a credential on a host and port that it must not go to")                     \
  X(kClearCredential, "E0215", "a credential on port 80, which is clear HTTP")                                   \
  X(kCredentialConflict, "E0216", "two allows that want to add different credentials to the same requests")      \
  X(kForbiddenHeader, "E0217", "a header that a credential must not set")                                        \
  X(kExecApplied, "E0218", "an exec source outside the configured files")                                        \
  X(kMixedInjection, "E0219", "a credential that signs and is sent as it is")                                    \
  X(kWrongExchange, "E0220", "an exchange for something that its places do not take")                            \
  X(kOtherService, "E0221", "a host of an AWS service that the credential does not sign for")                    \
  X(kBadExpansion, "E0222", "braces that stand for nothing")                                                     \
  X(kNeedsCredential, "E0223", "a key that means something beside 'credential' only")                            \
  X(kPointlessLimit, "W0301", "a wider allow makes this limit pointless")                                        \
  X(kUserContent, "W0302", "the host serves content that anybody may upload")                                    \
  X(kApexExcluded, "W0303", "a wildcard does not include the name it stands before")                             \
  X(kPrivateSuffix, "W0304", "a wildcard inside a label over a suffix under which anybody may register names")   \
  X(kOnlyClearHttp, "W0305", "an address block without 'protocol: tcp', which can match nothing but clear HTTP") \
  X(kSelectsNothing, "W0306", "a policy that selects no guest")                                                  \
  X(kPointlessExcept, "W0307", "an except that is not part of what the rule matches")                            \
  X(kUnlimitedCredential, "W0308", "a credential for every request to the host")                                 \
  X(kEnvironment, "W0309", "a secret in the environment of a process")                                           \
  X(kNoSuchAction, "W0310", "an action that no request to this AWS service is told by")                          \
  X(kNoObject, "W0311", "a file without any object")

enum class Code {
#define X(name, code, text) name,
  ENFORCER_DIAGNOSTIC_CODES(X)
#undef X
};

struct CodeInfo {
  std::string_view code;
  std::string_view text;
};
/// All codes, in the order above.
[[nodiscard]] const std::vector<CodeInfo>& diagnostic_codes();

/// A place in a source file.
struct Place {
  int line = 1;
  int column = 1;
};

/// Collects the diagnostics of one file after another.
class Diagnostics {
 public:
  void report(std::string_view file, Place place, Code code, std::string message, std::string hint = {});
  [[nodiscard]] bool has_errors() const { return errors_ > 0; }
  [[nodiscard]] std::size_t errors() const { return errors_; }
  /// Sorted by file, line, column and code: the order of files and rules never shows.
  [[nodiscard]] std::vector<Diagnostic> take();

 private:
  std::vector<Diagnostic> found_;
  std::size_t errors_ = 0;
};

}  // namespace enforcer::policy
