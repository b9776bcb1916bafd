"""A guest's QEMU as the host sees it: its process, its memory."""


def runs(pid):
    """False when the process has ended, also while nobody has asked for its status."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def search_memory(pid, *needles):
    """({needle: found}, bytes searched) over all readable memory of a process: for QEMU, the guest's memory is part of it."""
    found, searched = dict.fromkeys(needles, False), 0
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for line in maps:
            place, rights = line.split(" ")[:2]
            start, end = (int(number, 16) for number in place.split("-"))
            if not rights.startswith("r") or "[v" in line:
                continue
            try:
                memory.seek(start)
                content = memory.read(end - start)
            except OSError:
                continue
            searched += len(content)
            for needle in needles:
                found[needle] = found[needle] or needle in content
    return found, searched
