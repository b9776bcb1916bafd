"""as_service.py UNIT WRITABLE,... UID WITHOUT,... PROGRAM [ARGUMENT...]: what systemd does between fork and exec for a unit.

The order is systemd's: mounts, limits, capabilities, user, no_new_privs, system call filter. Of the sandbox it does what
decides whether the daemons can work: the read-only file system with its exceptions and slave propagation, /proc, limits,
capabilities, W^X, namespaces, address families and the system call filter. Not done: PrivateTmp and PrivateDevices (the
tests' files are in /tmp) and cgroups.
"""

import ctypes
import os
import resource
import signal
import socket
import stat
import sys

from lib.service_unit import ServiceUnit

libc = ctypes.CDLL(None, use_errno=True)
libseccomp = ctypes.CDLL("libseccomp.so.2")
libseccomp.seccomp_init.restype = ctypes.c_void_p

CLONE_NEWNS, CLONE_NEWNET = 0x20000, 0x40000000
NAMESPACES = {"mnt": CLONE_NEWNS, "cgroup": 0x2000000, "uts": 0x4000000, "ipc": 0x8000000, "user": 0x10000000,
              "pid": 0x20000000, "net": CLONE_NEWNET}
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT, MS_BIND, MS_REC, MS_SLAVE = 1, 2, 4, 8, 32, 4096, 16384, 1 << 19
PR_SET_PDEATHSIG, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS, PR_SET_MDWE = 1, 24, 38, 65
EPERM, EINVAL, ENOSYS, EAFNOSUPPORT = 1, 22, 38, 97
SCMP_ACT_ALLOW, SCMP_ACT_ERRNO, SCMP_CMP_EQ, SCMP_CMP_MASKED_EQ = 0x7fff0000, 0x50000, 4, 7
CAPABILITIES = ("CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE "
                "NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT "
                "SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL "
                "SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE").split()


class Comparison(ctypes.Structure):  # struct scmp_arg_cmp
    _fields_ = [("arg", ctypes.c_uint), ("op", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64)]


def require(result, what):
    if result < 0:
        raise OSError(ctypes.get_errno() or -result, f"{what}: {os.strerror(ctypes.get_errno() or -result)}")
    return result


def mount(source, target, kind=None, flags=0, data=None):
    encode = lambda text: text.encode() if text else None
    require(libc.mount(encode(source), target.encode(), encode(kind), ctypes.c_ulong(flags), encode(data)), f"mount {target}")


def mounts(unit, writable):
    require(libc.unshare(CLONE_NEWNS), "unshare")
    mount(None, "/", flags=MS_SLAVE | MS_REC)
    if unit.value("ProtectHome") == "yes":
        for folder in ("/home", "/root"):
            if os.path.isdir(folder):
                mount("tmpfs", folder, "tmpfs", MS_RDONLY, "mode=000")
    if unit.value("ProtectSystem") == "strict":
        for word in [*unit.words("ReadWritePaths"), *writable]:
            path = word.removeprefix("-")
            if path == word or os.path.exists(path):  # with the sign it may be missing
                mount(path, path, flags=MS_BIND | MS_REC)
        mount(None, "/", flags=MS_REMOUNT | MS_BIND | MS_RDONLY)
    options = (["hidepid=invisible"] if unit.value("ProtectProc") == "invisible" else []) + \
              (["subset=pid"] if unit.value("ProcSubset") == "pid" else [])
    if options:
        mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, ",".join(options))


def capabilities(keep):
    unknown = {name.removeprefix("CAP_") for name in keep} - set(CAPABILITIES)
    if unknown:
        raise ValueError(f"no such capability: {unknown}")
    for number, name in enumerate(CAPABILITIES):
        if f"CAP_{name}" not in keep:
            require(libc.prctl(PR_CAPBSET_DROP, number, 0, 0, 0), f"dropping {name}")


def become(uid):
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    require(libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0), "pdeathsig")  # a change of user clears it


def filter_of(default):
    return ctypes.c_void_p(libseccomp.seccomp_init(ctypes.c_uint32(default)))


def rule(filter, action, call, comparison=None):
    number = libseccomp.seccomp_syscall_resolve_name(call.encode())
    if number < 0:
        return  # of another architecture
    comparisons = (Comparison * 1)(comparison) if comparison else None
    require(libseccomp.seccomp_rule_add_array(filter, ctypes.c_uint32(action), number, 1 if comparison else 0, comparisons), call)


def filters(unit):
    """One filter for each setting, as systemd does it: all of them have to let a call through."""
    families = filter_of(SCMP_ACT_ALLOW)
    allowed = {getattr(socket, name) for name in unit.words("RestrictAddressFamilies")}
    for family in set(range(64)) - allowed:
        rule(families, SCMP_ACT_ERRNO | EAFNOSUPPORT, "socket", Comparison(0, SCMP_CMP_EQ, family, 0))
    namespaces = filter_of(SCMP_ACT_ALLOW)
    free = unit.value("RestrictNamespaces").split()
    for name, flag in NAMESPACES.items():
        if name not in free:
            for call, argument in (("unshare", 0), ("clone", 0), ("setns", 1)):
                rule(namespaces, SCMP_ACT_ERRNO | EPERM, call, Comparison(argument, SCMP_CMP_MASKED_EQ, flag, flag))
    calls = filter_of(SCMP_ACT_ERRNO | EPERM)
    for call in unit.system_calls():
        rule(calls, SCMP_ACT_ALLOW, call)
    bits = filter_of(SCMP_ACT_ALLOW)
    if unit.value("RestrictSUIDSGID") == "yes":  # of what systemd looks at, what changes a file that is there
        rule(bits, SCMP_ACT_ERRNO | ENOSYS, "openat2")  # whose argument no filter can look at
        for call, argument in (("chmod", 1), ("fchmod", 1), ("fchmodat", 2)):
            for bit in (stat.S_ISUID, stat.S_ISGID):
                rule(bits, SCMP_ACT_ERRNO | EPERM, call, Comparison(argument, SCMP_CMP_MASKED_EQ, bit, bit))
    return [families, namespaces, calls, bits]


def main():
    path, writable, uid, without, *argv = sys.argv[1:]
    unit = ServiceUnit(path)
    made = filters(unit)  # before /proc and the like change
    mounts(unit, [p for p in writable.split(",") if p])
    os.umask(int(unit.value("UMask"), 8))
    for name, limit in unit.limits().items():
        number = getattr(resource, f"RLIMIT_{name}")
        highest = resource.getrlimit(number)[1]
        if highest != resource.RLIM_INFINITY:
            limit = min(limit, highest)  # in a container even root may not raise it
        resource.setrlimit(number, (limit, limit))
    capabilities(unit.capabilities() - set(without.split(",")))
    if uid != "0":
        become(int(uid))
    if unit.value("MemoryDenyWriteExecute") == "yes" and libc.prctl(PR_SET_MDWE, 1, 0, 0, 0) != 0:
        assert ctypes.get_errno() == EINVAL, "PR_SET_MDWE"  # kernels before 6.3 have no such thing
    require(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs")
    for filter in made:
        require(libseccomp.seccomp_load(filter), "seccomp_load")
    os.execv(argv[0], argv)


if __name__ == "__main__":
    main()
