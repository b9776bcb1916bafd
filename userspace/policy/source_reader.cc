#include "policy/source_reader.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/ascii.h"
#include "base/text.h"
#include "policy/credential_text.h"

namespace enforcer::policy {
namespace {

using Source = CredentialSpec::Source;

constexpr std::size_t kLongestUnitCredential = 255;  // NAME_MAX: it is the name of a file
constexpr std::size_t kLongestVaultText = 512;

struct SourceDraft {
  Source source;
  SourceOrigin origin = SourceOrigin::kConfigured;
};

void read_env(const YamlNode& node, SourceDraft& draft, Reader& reader) {
  draft.source.kind = Source::Kind::kEnv;
  const auto text = read_text(node, "env", reader);
  if (!text) return;
  if (!is_variable(*text)) {
    return report_value(node.place, *text, "is not the name of an environment variable", "", reader);
  }
  draft.source.variable = *text;
  reader.report(node.place, Code::kEnvironment,
                fmt::format("'{}' is readable by whoever can read the environment of the process", *text),
                "a file that only the daemon's user can read is better");
}

void read_unit_credential(const YamlNode& node, SourceDraft& draft, Reader& reader) {
  draft.source.kind = Source::Kind::kSystemd;
  const auto text = read_text(node, "systemd", reader);
  if (!text) return;
  const auto fits = [](char c) { return ascii::is_alphanumeric(c) || c == '-' || c == '_' || c == '.'; };
  const bool valid = !text->empty() && text->size() <= kLongestUnitCredential && std::ranges::all_of(*text, fits) &&
                     text->find_first_not_of('.') != std::string_view::npos;
  if (!valid) {
    return report_value(node.place, *text, "is not the name of a systemd credential",
                        "letters, digits, '-', '_' and '.', as in LoadCredential=NAME", reader);
  }
  draft.source.variable = *text;
}

void read_exec(const YamlNode& node, SourceDraft& draft, Reader& reader) {
  draft.source.kind = Source::Kind::kExec;
  if (draft.origin == SourceOrigin::kApplied) {
    reader.report(node.place, Code::kExecApplied, "exec sources are read from configured files only",
                  "put the Credential into a file of the configuration's 'credentials'");
  }
  for (const YamlNode& item : some_items(node, "exec", reader)) {
    const bool program = &item == node.items.data();
    const auto argument = read_text(item, "an argument", reader);
    if (!argument) continue;
    if (program && !argument->starts_with('/')) {
      report_value(item.place, *argument, "is not an absolute path", "", reader);
    }
    draft.source.argv.emplace_back(*argument);
  }
}

struct VaultDraft {
  std::optional<HttpsUrl> address;
  std::string mount = "secret";
  std::string path;
  std::string key = "value";
  std::string name_space;
  std::string token_file;
  std::string role_id;
  std::string secret_id_file;
};

/// A path of Vault's API is one of ours to write: nothing in it may end it or lead elsewhere.
bool is_vault_path(std::string_view text) {
  if (!is_visible(text) || text.size() > kLongestVaultText || text.find_first_of("?#%\\") != std::string_view::npos) {
    return false;
  }
  for (std::string_view rest = text;;) {
    const auto slash = rest.find('/');
    const std::string_view segment = rest.substr(0, slash);
    if (segment.empty() || segment == "." || segment == "..") return false;
    if (slash == std::string_view::npos) return true;
    rest.remove_prefix(slash + 1);
  }
}

template <std::string VaultDraft::* member, const auto& what>
void read_vault_path(const YamlNode& node, VaultDraft& draft, Reader& reader) {
  const auto text = read_text(node, what, reader);
  if (!text) return;
  if (!is_vault_path(*text)) {
    return report_value(node.place, *text, fmt::format("cannot be '{}'", what),
                        "segments with '/' between, as in acme/ci, without ?, #, % and dot segments", reader);
  }
  draft.*member = *text;
}

template <std::string VaultDraft::* member, const auto& what>
void read_vault_text(const YamlNode& node, VaultDraft& draft, Reader& reader) {
  draft.*member = read_visible(node, what, kLongestVaultText, reader).value_or("");
}

template <std::string VaultDraft::* member, const auto& what>
void read_vault_file(const YamlNode& node, VaultDraft& draft, Reader& reader) {
  draft.*member = read_absolute_path(node, what, reader).value_or("");
}

constexpr std::string_view kMount = "mount";
constexpr std::string_view kPath = "path";
constexpr std::string_view kKey = "key";
constexpr std::string_view kNamespace = "namespace";
constexpr std::string_view kTokenFile = "tokenFile";
constexpr std::string_view kRoleId = "roleId";
constexpr std::string_view kSecretIdFile = "secretIdFile";

constexpr std::string_view kVaultPath = "^[^/?#%]";
constexpr Shape kArgument = shape::text();
constexpr std::string_view kOnlyTrue[] = {"true"};

constexpr Field<VaultDraft> kVaultFields[] = {
    {"address", Need::kRequired, shape::kHttpsUrl, "The Vault, without a path.",
     [](const YamlNode& n, VaultDraft& draft, Reader& r) {
       draft.address = read_https_url(n, "address", r);
       if (draft.address && draft.address->path != "/") {
         report_value(n.place, draft.address->path, "is more than an address",
                      "the engine belongs into 'mount', the rest into 'path'", r);
       }
     }},
    {kMount, Need::kOptional, shape::text("path of a KV engine of version 2", kVaultPath), "Default `secret`.",
     read_vault_path<&VaultDraft::mount, kMount>},
    {kPath, Need::kRequired, shape::text("path of a secret", kVaultPath).like("acme/ci"),
     "The secret, below the engine.", read_vault_path<&VaultDraft::path, kPath>},
    {kKey, Need::kOptional, shape::text("field of the secret"), "Default `value`.",
     read_vault_text<&VaultDraft::key, kKey>},
    {kNamespace, Need::kOptional, shape::text("namespace", kVaultPath), "Of Vault Enterprise.",
     read_vault_path<&VaultDraft::name_space, kNamespace>},
    {kTokenFile, Need::kOptional, shape::kPath, "A file with the token that Vault is asked with.",
     read_vault_file<&VaultDraft::token_file, kTokenFile>},
    {kRoleId, Need::kOptional, shape::text("role id of AppRole"), "Instead of `tokenFile`, with `secretIdFile`.",
     read_vault_text<&VaultDraft::role_id, kRoleId>},
    {kSecretIdFile, Need::kOptional, shape::kPath, "A file with the secret id, beside `roleId`.",
     read_vault_file<&VaultDraft::secret_id_file, kSecretIdFile>},
};

const YamlMember* member_of(const YamlNode& node, std::string_view key) {
  const auto found = std::ranges::find(node.members, key, &YamlMember::key);
  return found == node.members.end() ? nullptr : &*found;
}

/// Vault is spoken to with a token from a file, or with one that AppRole gives.
bool check_login(const YamlNode& node, Reader& reader) {
  const YamlMember* token = member_of(node, kTokenFile);
  const YamlMember* role = member_of(node, kRoleId);
  const YamlMember* secret = member_of(node, kSecretIdFile);
  const YamlMember* app_role = role != nullptr ? role : secret;
  if (token != nullptr && app_role != nullptr) {
    reader.report(app_role->place, Code::kConflict,
                  fmt::format("'{}' stands beside 'tokenFile': Vault is asked in one of the two ways", app_role->key));
  } else if (token == nullptr && app_role == nullptr) {
    report_missing_key(node.place, kTokenFile, "or roleId and secretIdFile", "vault", reader);
  } else if (token == nullptr && role == nullptr) {
    report_missing_key(node.place, kRoleId, "beside secretIdFile", "vault", reader);
  } else if (token == nullptr && secret == nullptr) {
    report_missing_key(node.place, kSecretIdFile, "beside roleId", "vault", reader);
  } else {
    return true;
  }
  return false;
}

void read_vault(const YamlNode& node, SourceDraft& draft, Reader& reader) {
  draft.source.kind = Source::Kind::kVault;
  VaultDraft vault;
  const bool read = read_object<VaultDraft>(node, "vault", kVaultFields, vault, reader);
  if (node.kind != YamlNode::Kind::kMap || !check_login(node, reader) || !read || !vault.address) return;
  draft.source.vault = VaultPlace{.address = *std::move(vault.address),
                                  .mount = std::move(vault.mount),
                                  .path = std::move(vault.path),
                                  .key = std::move(vault.key),
                                  .name_space = std::move(vault.name_space),
                                  .token_file = std::move(vault.token_file),
                                  .role_id = std::move(vault.role_id),
                                  .secret_id_file = std::move(vault.secret_id_file)};
}

constexpr Field<SourceDraft> kSourceFields[] = {
    {"file", Need::kOptional, shape::kPath,
     "The content of a file that others cannot read and its group cannot write; a newline at the end is removed.",
     [](const YamlNode& n, SourceDraft& draft, Reader& r) {
       draft.source.kind = Source::Kind::kFile;
       draft.source.path = read_absolute_path(n, "file", r).value_or("");
     }},
    {"systemd", Need::kOptional, shape::text("name of a systemd credential", "^[A-Za-z0-9._-]{1,255}$"),
     "What the service manager gives enforcerd: `LoadCredential=NAME:…`.", read_unit_credential},
    {"env", Need::kOptional, shape::text("name of an environment variable", "^[A-Za-z0-9_]{1,128}$"),
     "A variable of enforcerd's environment; warns.", read_env},
    {"exec", Need::kOptional, shape::some(shape::kPath, kArgument, "program and arguments"),
     "What the program writes to standard output. It has an absolute path and runs without a shell; in configured "
     "files "
     "only.",
     read_exec},
    {"store", Need::kOptional, shape::choice(kOnlyTrue), "What `enforcerctl credential set` has stored.",
     [](const YamlNode& n, SourceDraft& draft, Reader& r) {
       draft.source.kind = Source::Kind::kStored;
       (void)read_choice(n, kOnlyTrue, r);
     }},
    {"vault", Need::kOptional, shape::object(fields_of<kVaultFields>, "place in a Vault"),
     "A field of a secret in a KV engine of version 2.", read_vault},
};

}  // namespace

std::vector<FieldShape> source_fields() {
  return fields_of<kSourceFields>();
}

void read_source(const YamlNode& node, SourceOrigin origin, CredentialSpec::Source& into, Reader& reader) {
  SourceDraft draft{.source = {}, .origin = origin};
  if (!read_object<SourceDraft>(node, "source", kSourceFields, draft, reader)) return;
  if (node.members.empty()) {
    report_missing_key(node.place, "file", "or systemd, env, exec, store, vault", "source", reader);
  } else if (node.members.size() > 1) {
    reader.report(node.members[1].place, Code::kConflict,
                  "a secret has one source: file, systemd, env, exec, store or vault");
  } else {
    into = std::move(draft.source);
  }
}

}  // namespace enforcer::policy
