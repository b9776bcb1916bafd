"""Commands in real guests: with a terminal, several at a time, as people run them (`enforcerctl run`, `guest exec`)."""

import contextlib
import fcntl
import json
import os
import select
import signal
import struct
import subprocess
import termios
import time

from lib.expect import equal
from lib.microvm import runs
from lib.processes import Timeout, wait_for
from lib.runner import hang_guard
from lib.vm_lab import BOOT_SECONDS, create, run, shown, vm_lab

SLEEPS = ["sh", "-c", "echo up; exec sleep 1000"]


def tool(lab, *arguments):
    return lab.enforcer.host.command([lab.enforcer.program("enforcerctl"), "--config", lab.enforcer.config_path, *arguments])


class Typed:
    """The tool as a person has it: the leader of a session on a terminal of its own, whose keys and screen are ours."""

    def __init__(self, lab, *arguments, rows=30, columns=100):
        self.screen = b""
        self.master, slave = os.openpty()
        self.resize(rows, columns)
        self.before = termios.tcgetattr(slave)
        self.slave = slave
        self.process = subprocess.Popen(tool(lab, *arguments), stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
                                        env={**os.environ, "TERM": "xterm"},
                                        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))

    def resize(self, rows, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, text):
        os.write(self.master, text.encode())

    def see(self, text, seconds=BOOT_SECONDS):
        """Waits until the screen has shown it; what came before it and with it is taken."""
        end = time.monotonic() + seconds
        while text.encode() not in self.screen:
            if time.monotonic() > end:
                raise Timeout(f"waited {seconds} s for {text!r} on the screen: {self.screen!r}")
            if select.select([self.master], [], [], 0.1)[0]:
                self.screen += os.read(self.master, 65536)
        seen, _, self.screen = self.screen.partition(text.encode())
        return seen.decode(errors="replace")

    def end(self, seconds=30):
        return self.process.wait(timeout=seconds)

    def modes(self):
        return termios.tcgetattr(self.slave)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        os.close(self.master)
        os.close(self.slave)


def guests(lab):
    return json.loads(lab.enforcer.ctl_ok("-o", "json", "guest", "list"))["guests"]


@contextlib.contextmanager
def started(argv, **options):
    process = subprocess.Popen(argv, **options)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@hang_guard(240)
def test_terminal_in_a_guest_is_the_one_out_here():
    with vm_lab() as lab:
        create(lab, "g1")
        with Typed(lab, "guest", "exec", "g1", "--", "sh", rows=41, columns=133) as typed:
            typed.see("#")
            typed.type("stty -echo\n")
            typed.see("#")
            typed.type("stty size; echo kind $TERM.\n")
            typed.see("41 133\r\n")
            typed.see("kind xterm.\r\n")
            assert typed.modes()[3] & termios.ICANON == 0, "the terminal out here is not raw while the command has it"
            typed.resize(20, 70)
            wait_for(lambda: (typed.type("stty size\n"), "20 70" in typed.see("#"))[1], 20, "the new size in the guest", interval=0.5)
            typed.type("exit 9\n")
            equal(typed.end(), 9, "exit status")
            equal(typed.modes(), typed.before, "the modes of the terminal out here afterwards")
        plain = run(lab, "--guest", "g1", "--", "sh", "-c", "tty; stty size")
        assert "not a tty" in plain.stdout and plain.returncode != 0, f"the control: no terminal where there is none: {plain}"
        forced = lab.enforcer.ctl("guest", "exec", "-t", "g1", "--", "sh", "-c", "stty size; tty", stdin=subprocess.DEVNULL)
        assert forced.stdout.startswith("24 80\n/dev/pts/"), forced


@hang_guard(240)
def test_ctrl_c_reaches_the_program_in_the_foreground_and_the_shell_goes_on():
    with vm_lab() as lab:
        create(lab, "g1")
        with Typed(lab, "guest", "exec", "g1", "--", "sh") as typed:
            typed.see("#")
            typed.type("stty -echo\n")
            typed.see("#")
            typed.type("sh -c 'echo now \"\"here; exec sleep 1000'\n")
            typed.see("now here\r\n")
            typed.type("\x03")
            typed.see("#")
            typed.type("echo status $?.\n")
            typed.see("status 130.\r\n")
            typed.type("\x04")
            typed.end()
            equal(typed.modes(), typed.before, "the modes of the terminal out here afterwards")
        equal(run(lab, "--guest", "g1", "--", "sh", "-c", "pidof sleep || echo none").stdout, "none\n", "what is left of it")


@hang_guard(240)
def test_signal_that_ends_the_tool_puts_the_terminal_back_and_hangs_up_in_the_guest():
    with vm_lab() as lab:
        create(lab, "g1")
        for number in (signal.SIGTERM, signal.SIGHUP):
            with Typed(lab, "guest", "exec", "g1", "--", "sh", "-c", "echo now \"\"here; exec sleep 1000") as typed:
                typed.see("now here\r\n")
                typed.process.send_signal(number)
                equal(typed.end(), 128 + number, "exit status")
                equal(typed.modes(), typed.before, "the modes of the terminal out here afterwards")
            wait_for(lambda: run(lab, "--guest", "g1", "--", "sh", "-c", "pidof sleep || echo none").stdout == "none\n", 30,
                     "the command to end", interval=1)


@hang_guard(240)
def test_four_commands_run_in_a_guest_and_a_fifth_is_refused():
    with vm_lab() as lab:
        create(lab, "g1")
        with contextlib.ExitStack() as stack:
            commands = [stack.enter_context(started(
                tool(lab, "guest", "exec", "g1", "--", "sh", "-c", f"echo up; read x; echo $x; exit {n}"),
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)) for n in range(4)]
            for command in commands:
                equal(command.stdout.readline(), "up\n", "what it says first")
            fifth = run(lab, "--guest", "g1", "--", "true")
            equal(fifth.returncode, 125, "exit status of the fifth")
            assert "four commands run in the guest already" in fifth.stderr, fifth.stderr
            for n, command in reversed(list(enumerate(commands))):  # each has its own streams and its own end
                command.stdin.write(f"input {n}\n")
                command.stdin.flush()
                equal(command.stdout.readline(), f"input {n}\n", "what comes back")
                equal(command.wait(timeout=30), n, "exit status")
            wait_for(lambda: run(lab, "--guest", "g1", "--", "true").returncode == 0, 20, "a channel to be free", interval=0.5)


@hang_guard(240)
def test_status_of_a_command_that_cannot_be_started():
    with vm_lab() as lab:
        create(lab, "g1")
        for argv, status, why in ((["nosuchprogram"], 127, "nosuchprogram: No such file or directory"),
                                  (["/etc/passwd"], 126, "/etc/passwd: Permission denied"),
                                  (["/tmp"], 126, "/tmp: Permission denied")):
            for verb in (("run", "--guest", "g1"), ("guest", "exec", "g1")):
                done = lab.enforcer.ctl(*verb, "--", *argv)
                equal((done.returncode, done.stderr), (status, f"enforcerctl: {why}\n"), f"{verb} {argv}")
        nowhere = lab.enforcer.ctl("guest", "exec", "--cwd", "/nosuchfolder", "g1", "--", "true")
        equal((nowhere.returncode, nowhere.stderr), (126, "enforcerctl: /nosuchfolder: No such file or directory\n"), "a folder")
        for number in (signal.SIGTERM, signal.SIGSEGV, signal.SIGKILL):
            equal(lab.enforcer.ctl("guest", "exec", "g1", "--", "sh", "-c", f"kill -{int(number)} $$").returncode, 128 + number)
        equal(lab.enforcer.ctl("guest", "exec", "nobody", "--", "true").returncode, 125, "no such guest")
        own = run(lab, "--", "nosuchprogram")
        equal(own.returncode, 127, "exit status in a guest of its own")
        equal([guest["name"] for guest in guests(lab)], ["g1"], "guests left")


@hang_guard(300)
def test_run_that_is_killed_leaves_nothing():
    with vm_lab() as lab:
        with started(tool(lab, "run", "--name", "box", "--", *SLEEPS), stdout=subprocess.PIPE, text=True) as running:
            equal(running.stdout.readline(), "up\n", "what it says")
            pid = lab.enforcer.qemu("box")
            assert runs(pid), "QEMU does not run"
            # A second command keeps it: the guest is over when nobody is in it any more.
            with started(tool(lab, "guest", "exec", "box", "--", *SLEEPS), stdout=subprocess.PIPE, text=True) as second:
                equal(second.stdout.readline(), "up\n", "what the other one says")
                running.kill()
                running.wait()
                time.sleep(8)  # the time that a command has to end after its client, and more
                assert shown(lab, "box") is not None, "a guest was ended under a command"
                second.kill()
                second.wait()
                wait_for(lambda: shown(lab, "box") is None, 30, "the guest to be gone", interval=0.5)
        wait_for(lambda: not runs(pid), 20, "QEMU to end")
        wait_for(lambda: not os.path.exists(f"{lab.enforcer.run_dir}/guests/box"), 20, "its sockets to be gone")
        # The control: a guest that was made to stay does.
        kept = run(lab, "--name", "kept", "--keep", "--", "true")
        equal(kept.returncode, 0, f"exit status: {kept.stderr}")
        assert "guest kept stays: 'enforcerctl guest exec kept -- sh' gets in" in kept.stderr, kept.stderr
        time.sleep(3)
        equal(lab.enforcer.ctl("guest", "exec", "kept", "--", "echo", "here").stdout, "here\n", "a command in it")
        lab.enforcer.ctl_ok("guest", "delete", "kept")
        equal(guests(lab), [], "guests left")


@hang_guard(300)
def test_run_that_ends_while_its_guest_is_made_leaves_nothing():
    """However it ends, and without waiting for hostd, which may take its time."""
    with vm_lab() as lab:
        for name, how, status in (("box", signal.SIGTERM, 143), ("crate", signal.SIGKILL, -9)):
            lab.enforcer.hostd.signal(signal.SIGSTOP)
            try:
                with started(tool(lab, "run", "--name", name, "--", *SLEEPS), stdout=subprocess.PIPE, text=True) as running:
                    wait_for(lambda name=name: f"guest {name} is created" in lab.enforcer.enforcerd.output(), 20, "enforcerd to be asked")
                    running.send_signal(how)
                    equal(running.wait(timeout=10), status, f"exit status after {how.name}")
            finally:
                lab.enforcer.hostd.signal(signal.SIGCONT)
            wait_for(lambda name=name: f"guest {name} was made for" in lab.enforcer.enforcerd.output(), 60, "the guest to be made")
            wait_for(lambda name=name: shown(lab, name) is None, 30, "the guest to be gone", interval=0.5)
        kept = run(lab, "--name", "box", "--", "echo", "here")  # the control
        equal((kept.returncode, kept.stdout), (0, "here\n"), kept.stderr)


@hang_guard(300)
def test_guest_of_a_killed_run_is_ended_by_the_enforcerd_after_this_one():
    """What was made for one command is known again after a restart, and ended when that command does not come back."""
    with vm_lab() as lab:
        with started(tool(lab, "run", "--name", "box", "--", *SLEEPS), stdout=subprocess.PIPE, text=True) as running:
            equal(running.stdout.readline(), "up\n", "what it says")
            running.send_signal(signal.SIGSTOP)  # so that it cannot delete its guest when it loses its connection
            lab.enforcer.enforcerd.stop()
        lab.enforcer.start_enforcerd()
        wait_for(lambda: (guest := shown(lab, "box")) and guest["state"] == "running", 60, "the guest to be back")
        look = lab.enforcer.ctl("guest", "exec", "box", "--", "sh", "-c", "pidof sleep || echo none")
        equal(look.stdout, "none\n", f"what is left of its command: {look.stderr}")
        wait_for(lambda: shown(lab, "box") is None, 30, "the guest to be gone", interval=0.5)


@hang_guard(240)
def test_name_that_is_taken_is_refused_and_its_guest_lives():
    with vm_lab() as lab:
        create(lab, "g1")
        taken = run(lab, "--name", "g1", "--", "true")
        equal(taken.returncode, 125, "exit status")
        assert "g1" in taken.stderr and "exists" in taken.stderr, taken.stderr
        equal(shown(lab, "g1")["state"], "running", "the guest that has the name")
