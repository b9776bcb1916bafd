"""What a guest of each image takes: time until it runs and until a shell's prompt, processor time, memory and disk of the host; and many
guests at once. Prints tables of Markdown.

As root, with ENFORCER_KERNEL_ROOT as for tests/vm; `agent` and `docker` are those in the build's folder of images. Memory is the
proportional share (PSS) of a guest's QEMU, and the disk's the blocks of its nameless file. A guest that fails is a failure; no time is.
"""

import argparse
import datetime
import json
import os
import select
import signal
import statistics
import subprocess
import sys
import time

import tables
from accounting import cpu_seconds, resident_kib
from host import kernel
from lib.crowd import Crowd, proportional_kib
from lib.processes import wait_for
from lib.vm_lab import BOOT_SECONDS, run, vm_lab

PROFILES = ("mini", "agent", "docker")
ROUNDS = 5
ENGINE_SECONDS = 300
CROWD, CROWD_MIB = 20, 128
ASKS = "curl -sSk -o /dev/null -w '%{http_code}\\n' https://ok.test/"
MIB = 1 << 20


def processor():
    with open("/proc/cpuinfo") as file:
        model = next((line.split(":")[1].strip() for line in file if line.startswith("model name")), "unknown")
    return f"{os.cpu_count()} processors ({model})"


def machine(accelerator):
    with open("/proc/meminfo") as file:
        memory = int(file.readline().split()[1]) / MIB
    return (f"{datetime.date.today()}, guests under {accelerator}; {processor()}, {memory:.0f} GiB, kernel {kernel()}, load "
            f"average {os.getloadavg()[0]:.1f} at the start")


def spread(values, form="{:.2f}"):
    """The median, and between which values it lies."""
    median, least, most = (form.format(v) for v in (statistics.median(values), min(values), max(values)))
    return median if least == most else f"{median} [{least}-{most}]"


class Boot:
    """One guest of an image, made by `guest create`, then looked at, and gone with the `with`."""

    def __init__(self, lab, profile):
        self.lab, self.name = lab, f"bench-{profile}"
        begun = time.monotonic()
        lab.enforcer.ctl_ok("guest", "create", self.name, "--image", profile, "-l", "lab=yes", timeout=200)
        self.hello = time.monotonic() - begun  # `create` is answered when the guest has said it
        self.pid = lab.enforcer.qemu(self.name)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.lab.enforcer.ctl_ok("guest", "delete", self.name)

    def inside(self, *command):
        return run(self.lab, "--guest", self.name, "--", *command)

    def memory(self):
        return proportional_kib(self.pid) / 1024

    def scratch(self):
        """MiB of the guest's own disk that are in use on the host; 0 where the image has none."""
        folder = f"/proc/{self.pid}/fd"
        for descriptor in os.listdir(folder):
            if "/scratch/" in os.readlink(f"{folder}/{descriptor}"):
                return os.stat(f"{folder}/{descriptor}").st_blocks * 512 / MIB
        return 0.0

    def engine(self):
        """Seconds until the Docker Engine answers."""
        begun = time.monotonic()
        ping = ("curl", "-sf", "--unix-socket", "/run/docker.sock", "http://docker/_ping")  # cheaper than the engine's own client
        wait_for(lambda: self.inside(*ping).stdout == "OK", ENGINE_SECONDS, "the Docker Engine to answer", interval=0.5)
        return time.monotonic() - begun


def prompt(lab, profile):
    """Seconds from the start of `enforcerctl run -t -- sh` to its prompt."""
    enforcer = lab.enforcer
    argv = [enforcer.program("enforcerctl"), "--config", enforcer.config_path, "run", "-t", "-l", "lab=yes", "--image", profile, "--", "sh"]
    begun = time.monotonic()
    with subprocess.Popen(enforcer.host.command(argv), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          bufsize=0) as shell:
        try:
            select.select([shell.stdout], [], [], BOOT_SECONDS)
            seconds = time.monotonic() - begun
            shown, errors = shell.communicate(b"exit\n", timeout=BOOT_SECONDS)
        finally:
            shell.kill()
    if shell.returncode != 0 or b"#" not in shown:
        raise RuntimeError(f"{profile}: no prompt: exit {shell.returncode}, {shown + errors}")
    return seconds


def image_mib(images, profile):
    with open(f"{images}/{profile}/image.json") as file:
        described = json.load(file)
    return described["memory_mib"], sum(f["size"] for f in described["files"].values()) / MIB


def of_profile(lab, images, profile, rounds):
    """A row of the table."""
    hello, prompts, cpu, memory, scratch, engine = [], [], [], [], [], []
    for _ in range(rounds):
        prompts.append(prompt(lab, profile))
        with Boot(lab, profile) as guest:
            hello.append(guest.hello)
            if guest.inside("true").returncode != 0:
                raise RuntimeError(f"{profile}: the first command failed")
            cpu.append(cpu_seconds([guest.pid]))
            if profile == "docker":
                engine.append(guest.engine())
            memory.append(guest.memory())
            scratch.append(guest.scratch())
        print(f"profiles: {profile}: hello {hello[-1]:.2f} s, prompt {prompts[-1]:.2f} s, {memory[-1]:.0f} MiB", flush=True)
    stated, size = image_mib(images, profile)
    return [profile, spread(hello), spread(prompts), spread(cpu), f"{stated}", spread(memory, "{:.0f}"), f"{size:.0f}",
            spread(scratch, "{:.1f}") if max(scratch) else "-", spread(engine, "{:.1f}") if engine else "-"]


def profiles(lab, images, rounds):
    head = ["image", "hello s", "prompt s", "QEMU CPU s", "memory stated MiB", "taken MiB", "image MiB", "scratch MiB", "engine s"]
    rows, notes = [head], []
    for profile in PROFILES:
        if os.path.exists(f"{images}/{profile}/image.json"):
            rows.append(of_profile(lab, images, profile, rounds))
        else:
            notes.append(f"{profile}: not measured, there is no such image: deploy/guest-image {profile}")
            print(f"SKIP {notes[-1]}", flush=True)
    return tables.markdown(
        f"One guest at a time, rounds: {rounds}; median [least-most]", rows,
        ["hello: from `enforcerctl guest create` to its answer, the guest's hello; prompt: from `enforcerctl run -t -- sh` to the first "
         "octet of its terminal; QEMU CPU: until the first command has ended; taken: QEMU's share of the host's memory after it, with "
         "`docker` when the engine answers; image: its files; scratch: what the guest's own disk takes; engine: from the first command to the "
         "first answer on its socket", *notes])


def crowd(lab):
    names = [f"crowd-{number}" for number in range(CROWD)]
    daemons = [lab.enforcer.hostd.pid, lab.enforcer.enforcerd.pid]
    begun = time.monotonic()
    with Crowd(lab, names, ASKS, "--memory", str(CROWD_MIB)) as guests:
        wrong = {name: guests.output(name) for name in names if guests.output(name) != "200\n"}
        if wrong:
            raise RuntimeError(f"not everybody was answered: {wrong}")
        answered = time.monotonic() - begun
        pids = [lab.enforcer.qemu(name) for name in names]
        memory = [proportional_kib(pid) / 1024 for pid in pids]
        cpu, own = cpu_seconds(pids), resident_kib(daemons) / 1024
        statuses = guests.end()
    if any(statuses.values()):
        raise RuntimeError(f"exit statuses: {statuses}")
    ended = time.monotonic() - begun
    return tables.markdown(
        f"{CROWD} guests of `mini` at once, {CROWD_MIB} MiB of memory stated for each",
        [["guests", "all answered s", "gone again s", "QEMU CPU s", "taken MiB", "taken MiB each", "daemons MiB"],
         [str(CROWD), f"{answered:.1f}", f"{ended:.1f}", f"{cpu:.1f}", f"{sum(memory):.0f}", spread(memory, "{:.0f}"), f"{own:.0f}"]],
        ["all answered: from the first `enforcerctl run` to the last guest's answer from an origin, through Enforcer; gone again: to the "
         "last guest's end; daemons: enforcerd and hostd"])


def main(out=None, rounds=ROUNDS):
    os.environ["ENFORCER_BUILD"] = os.path.abspath(os.environ["ENFORCER_BUILD"])
    os.environ["ENFORCER_TEST"] = "bench-profiles"
    images = f"{os.environ['ENFORCER_BUILD']}/images"
    with vm_lab("ok.test:443", accelerator="auto") as lab:
        run(lab, "--", "true")  # whatever is done once for all guests has been done
        accelerator = json.loads(lab.enforcer.ctl_ok("-o", "json", "status"))["accelerator"]
        text = "\n".join([machine(accelerator), "", profiles(lab, images, rounds), crowd(lab)])
    print(f"\n{text}")
    if out:
        os.makedirs(out, exist_ok=True)
        with open(f"{out}/profiles.md", "w") as file:
            file.write(text)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("profiles: told to end"))  # whatever was made is removed
    parser = argparse.ArgumentParser(prog="profiles.py", description="What a guest of each image takes, and many at once.")
    parser.add_argument("--out", help="the folder of profiles.md")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args()
    try:
        main(options.out, options.rounds)
    except (RuntimeError, AssertionError, subprocess.SubprocessError) as error:
        sys.exit(f"profiles: {error}")
