// Readers of the package tools' own configuration. Each takes the text of one file and adds what it says; what it does
// not understand becomes a warning with its place and is skipped, never guessed. `file` is what places are called.
#pragma once

#include <string_view>

#include "enforcerctl/machine_findings.h"

namespace enforcer::ctl {

/// sources.list(5), one line for each source: "deb [arch=amd64] https://apt.acme.example/debian stable main".
void read_apt_lines(std::string_view file, std::string_view text, MachineFindings& into);
/// sources.list(5), deb822 style: stanzas with "URIs:".
void read_apt_stanzas(std::string_view file, std::string_view text, MachineFindings& into);
/// apt.conf(5): a proxy is remarked. It is no host of a rule: Enforcer asks the mirrors itself.
void read_apt_conf(std::string_view file, std::string_view text, MachineFindings& into);
/// npmrc(5): "registry=" and "@scope:registry=". Of lines with tokens only the host is kept.
void read_npmrc(std::string_view file, std::string_view text, MachineFindings& into);
/// pip.conf: index-url, extra-index-url, find-links, trusted-host, in any section.
void read_pip_conf(std::string_view file, std::string_view text, MachineFindings& into);
/// One of these settings by its name, from a file or a variable of the environment; URLs are separated by blanks.
void take_pip_setting(std::string_view name, std::string_view value, const FilePlace& place, MachineFindings& into);
/// cargo's config.toml: sources that nothing replaces, and registries; sparse indexes only.
void read_cargo_config(std::string_view file, std::string_view text, MachineFindings& into);
/// dockerd's daemon.json: "registry-mirrors".
void read_docker_daemon(std::string_view file, std::string_view text, MachineFindings& into);
/// docker's config.json: the registries of "auths"; the credentials there are not looked at.
void read_docker_client(std::string_view file, std::string_view text, MachineFindings& into);

}  // namespace enforcer::ctl
