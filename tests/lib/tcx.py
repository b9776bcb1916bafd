"""A foreign program on the way of a guest's packets, put there as another agent on the host would: TCX (Linux 6.6), by bpf(2)
itself, because the tools of this distribution do not know it yet."""

import ctypes
import struct

from lib.bpf import bpf, room

_PROG_LOAD, _LINK_CREATE = 5, 28
_SCHED_CLS = 3
_TCX_INGRESS, _BEFORE = 46, 1 << 3


def load_accept_all():
    """A program that lets every packet pass, and with it ends the chain: r0 = TC_ACT_OK; exit."""
    code, licence = room(struct.pack("<BBhi", 0xB7, 0, 0, 0) + struct.pack("<BBhi", 0x95, 0, 0, 0)), room(b"GPL\0")
    return bpf(_PROG_LOAD, "IIQQ", _SCHED_CLS, 2, ctypes.addressof(code), ctypes.addressof(licence))


def attach_in_front(program, interface_index):
    """A link of that program before all others on tc ingress; it goes with its descriptor. In the interface's namespace."""
    return bpf(_LINK_CREATE, "IIIIII", program, interface_index, _TCX_INGRESS, _BEFORE, 0, 0)
