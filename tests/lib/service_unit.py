"""A systemd unit file as data, and programs started under its restrictions on a machine where no systemd runs."""

import functools
import os
import subprocess
import sys

# Lines that add to the ones before; for all other keys the last one counts.
_LISTS = {"CapabilityBoundingSet", "SystemCallFilter", "ReadWritePaths", "RestrictAddressFamilies", "DeviceAllow", "After", "Wants"}


class ServiceUnit:
    def __init__(self, path):
        self.path = path
        self._values = {}
        with open(path) as file:
            for line in file:
                key, equals, value = line.strip().partition("=")
                if not equals or line.startswith(("#", "[")):
                    continue
                if key not in _LISTS or value == "":
                    self._values[key] = []
                if value:
                    self._values.setdefault(key, []).append(value)

    def value(self, key):
        """The one value of a key; None where the file has none."""
        values = self._values.get(key)
        return values[-1] if values else None

    def words(self, key):
        return [word for line in self._values.get(key, []) for word in line.split()]

    def is_set(self, key):
        return key in self._values

    def seconds(self, key):
        return int(self.value(key))

    def capabilities(self):
        """Names as CAP_NET_ADMIN; none when the bounding set is empty."""
        if not self.is_set("CapabilityBoundingSet"):
            raise AssertionError(f"{self.path} bounds no capabilities")
        return set(self.words("CapabilityBoundingSet"))

    def system_calls(self):
        """Names of the calls that the filter lets through: an allow list that later lines add to and, with '~', take from."""
        allowed = set(_group("@default"))
        for line in self._values["SystemCallFilter"]:
            names = {name for word in line.removeprefix("~").split() for name in _group(word)}
            allowed = allowed - names if line.startswith("~") else allowed | names
        return allowed

    def limits(self):
        """{"NOFILE": number}; sizes in bytes."""
        found = {}
        for key, values in self._values.items():
            if key.startswith("Limit"):
                number = values[-1]
                found[key.removeprefix("Limit")] = int(number[:-1]) << 20 if number.endswith("M") else int(number)
        return found

    def command(self, argv, writable=(), user=None, without=()):
        """argv, wrapped so that it runs as the unit says; the wrapping does not fork.

        writable: further paths, those of the test. user: the number that User= stands for here. without: capabilities that are
        taken away as well."""
        here = os.path.dirname(os.path.abspath(__file__))
        return [sys.executable, f"{here}/as_service.py", self.path, ",".join(writable), str(user or 0), ",".join(without), *argv]


@functools.cache
def _group(name):
    if not name.startswith("@"):
        return (name,)
    done = subprocess.run(["systemd-analyze", "syscall-filter", name], capture_output=True, text=True, timeout=30, check=True)
    words = [word for line in done.stdout.splitlines()[1:] if (word := line.strip()) and not word.startswith("#")]
    return tuple(call for word in words for call in (_group(word) if word.startswith("@") else (word,)))
