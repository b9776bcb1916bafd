"""Many microVMs at once: so many `enforcerctl run` side by side, each of which says what it has found out and then holds its guest."""

import subprocess

from lib.processes import wait_for
from lib.vm_lab import BOOT_SECONDS

READY = "ready\n"  # the last line of a command that holds


class Crowd:
    """Of a `with`: all have answered and run; afterwards every command has ended, and its guest with it."""

    def __init__(self, lab, names, script, *options):
        """script: a shell's, run in each guest. options: of `enforcerctl run`."""
        self.lab, self.names, self.script, self.options = lab, names, script, options
        self.running = {}

    def __enter__(self):
        try:
            for name in self.names:
                self.running[name] = self._run(name)
            # They share the processors, so one takes as long as all.
            wait_for(self._all_ready, BOOT_SECONDS + 5 * len(self.names), f"{len(self.names)} guests to answer", interval=0.05)
        except BaseException:
            self.__exit__()
            raise
        return self

    def _run(self, name):
        enforcer = self.lab.enforcer
        held = f"{self.script}\necho {READY.strip()}\nread line"  # until somebody lets it go
        argv = [enforcer.program("enforcerctl"), "--config", enforcer.config_path, "run", "-l", "lab=yes", "--name", name, *self.options]
        with open(self._path(name), "wb") as output, open(f"{self._path(name)}.err", "wb") as errors:
            return subprocess.Popen(enforcer.host.command([*argv, "--", "sh", "-c", held]), stdin=subprocess.PIPE, stdout=output,
                                    stderr=errors)

    def _path(self, name):
        return f"{self.lab.folder}/run-{name}"

    def _all_ready(self):
        ended = [name for name, process in self.running.items() if process.poll() is not None]
        if ended:
            raise AssertionError("; ".join(f"{n}: exit {self.running[n].returncode}: {self.errors(n)}" for n in ended))
        return all(self._read(name).endswith(READY) for name in self.names)

    def _read(self, name):
        with open(self._path(name)) as file:
            return file.read()

    def output(self, name):
        """What the command of this guest has printed before it held."""
        return self._read(name).removesuffix(READY)

    def errors(self, name):
        with open(f"{self._path(name)}.err") as file:
            return file.read().strip()

    def end(self):
        """Lets every command go on to its end; {name: exit status}."""
        for process in self.running.values():
            process.stdin.write(b"\n")
            process.stdin.close()
        return {name: process.wait(timeout=BOOT_SECONDS) for name, process in self.running.items()}

    def __exit__(self, *_):
        for process in self.running.values():
            process.kill()
            process.stdin.close()
            process.wait()


def proportional_kib(pid):
    """Memory of a process, what it shares with others divided among them (PSS)."""
    with open(f"/proc/{pid}/smaps_rollup") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("Pss:"))
