"""A foreign program on the way of a guest's packets, put there as another agent on the host would: TCX (Linux 6.6), by bpf(2)
itself, because the tools of this distribution do not know it yet."""

import ctypes
import os
import struct

_SYS_BPF = 321  # x86-64
_PROG_LOAD, _LINK_CREATE = 5, 28
_SCHED_CLS = 3
_TCX_INGRESS, _BEFORE = 46, 1 << 3
_libc = ctypes.CDLL(None, use_errno=True)


def _bpf(command, attributes):
    result = _libc.syscall(_SYS_BPF, command, ctypes.create_string_buffer(attributes, len(attributes)), len(attributes))
    if result < 0:
        raise OSError(ctypes.get_errno(), f"bpf({command}): {os.strerror(ctypes.get_errno())}")
    return result


def load_accept_all():
    """A program that lets every packet pass, and with it ends the chain: r0 = TC_ACT_OK; exit."""
    instructions = ctypes.create_string_buffer(struct.pack("<BBhi", 0xB7, 0, 0, 0) + struct.pack("<BBhi", 0x95, 0, 0, 0), 16)
    licence = ctypes.create_string_buffer(b"GPL")
    return _bpf(_PROG_LOAD, struct.pack("<IIQQ", _SCHED_CLS, 2, ctypes.addressof(instructions), ctypes.addressof(licence)) + bytes(24))


def attach_in_front(program, interface_index):
    """A link of that program before all others on tc ingress; it goes with its descriptor. In the interface's namespace."""
    return _bpf(_LINK_CREATE, struct.pack("<IIIIII", program, interface_index, _TCX_INGRESS, _BEFORE, 0, 0) + bytes(8))
