"""bpf(2) itself, as root on the host has it: pinned objects, entries of maps, programs under links."""

import ctypes
import os
import struct

_SYS_BPF = 321  # x86-64
_MAP_UPDATE, _MAP_DELETE, _OBJ_GET, _MAP_BY_ID, _LINK_UPDATE = 2, 3, 7, 14, 29
_libc = ctypes.CDLL(None, use_errno=True)


def bpf(command, form, *fields):
    """form: of the fields of bpf_attr, as struct has it."""
    attributes = struct.pack(form, *fields).ljust(128, b"\0")
    result = _libc.syscall(_SYS_BPF, command, ctypes.create_string_buffer(attributes, len(attributes)), len(attributes))
    if result < 0:
        raise OSError(ctypes.get_errno(), f"bpf({command}): {os.strerror(ctypes.get_errno())}")
    return result


def room(data):
    """The bytes at a place of their own: ctypes.addressof() of it, for as long as it is kept."""
    return ctypes.create_string_buffer(data, len(data))


def obtain(path):
    """A descriptor of what is pinned there."""
    name = room(path.encode() + b"\0")
    return bpf(_OBJ_GET, "QII", ctypes.addressof(name), 0, 0)


def put(map, key, value):
    """An entry of a map."""
    key, value = room(key), room(value)
    bpf(_MAP_UPDATE, "IxxxxQQQ", map, ctypes.addressof(key), ctypes.addressof(value), 0)


def remove(map, key):
    key = room(key)
    bpf(_MAP_DELETE, "IxxxxQQQ", map, ctypes.addressof(key), 0, 0)


def map_by_id(number):
    return bpf(_MAP_BY_ID, "I", number)


def replace_program(link, program):
    """Another program under a link that is there."""
    bpf(_LINK_UPDATE, "IIII", link, program, 0, 0)


def refusal(action, *arguments):
    """The error number by which the kernel refuses; 0: it did not."""
    try:
        action(*arguments)
    except OSError as error:
        return error.errno
    return 0
