"""A person at a terminal: what they type, and what they see."""

import fcntl
import os
import pty
import select
import struct
import termios

from lib.processes import wait_for


class Person:
    """At a terminal of their own, with a live view of the tool on it: Person(lab, "top")."""

    def __init__(self, lab, *words, columns=120, rows=40):
        self.shown = b""
        self._pid, self._terminal = pty.fork()
        if self._pid == 0:
            argv = lab.host.command([lab.enforcer.program("enforcerctl"), "--config", lab.enforcer.config_path,
                                     *(words or ("review", "watch"))])
            os.execvp(argv[0], argv)
        self.resize(columns, rows)

    def resize(self, columns, rows):
        fcntl.ioctl(self._terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read(self):
        while select.select([self._terminal], [], [], 0)[0]:
            try:
                self.shown += os.read(self._terminal, 65536)
            except OSError:  # the other end is closed
                return self.shown
        return self.shown

    def waits_for(self, text):
        """What was on the screen up to there counts no more."""
        wait_for(lambda: text.encode() in self.read(), what=f"{text!r} on the screen")
        self.shown = self.shown.partition(text.encode())[2]

    def types(self, text):
        self.shown = b""
        os.write(self._terminal, text.encode())

    def cooked(self):
        return bool(termios.tcgetattr(self._terminal)[3] & termios.ECHO)

    def ends(self):
        wait_for(lambda: self.read() is not None and os.waitpid(self._pid, os.WNOHANG)[0] == self._pid, what="the end of the view")

    def signal(self, number):
        os.kill(self._pid, number)
