"""The host that is measured on, as results name it."""

import os


def kernel():
    """Its series, as "6.18": what stands behind says whose build it is."""
    return ".".join(os.uname().release.split(".")[:2])
