"""An image of a container as `docker load` takes it, made of what is installed on this machine: busybox, and curl with its libraries."""

import hashlib
import io
import json
import os
import shutil
import tarfile

from lib.expect import Skip
from lib.small_root import libraries

FOLDERS = ["bin", "etc", "etc/ssl", "etc/ssl/certs", "tmp", "usr", "usr/bin"]
TEXTS = {"etc/passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n", "etc/group": "root:x:0:\nnogroup:x:65534:\n",
         "etc/nsswitch.conf": "hosts: files dns\n"}
APPLETS = ["sh", "cat", "env", "ls", "id", "ip", "nslookup", "sleep", "grep", "mount", "test", "nc", "httpd", "wget"]
BUNDLE = "/etc/ssl/certs/ca-certificates.crt"


def write_image(path, name, bundle):
    """A tar of one image called `name`, whose own CA bundle is the file `bundle`. The same files give the same bytes."""
    layer = _layer(bundle)
    config = _json({"architecture": "amd64", "os": "linux", "config": {"Env": ["PATH=/bin:/usr/bin"], "Cmd": ["sh"]},
                    "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]}})
    manifest = _json([{"Config": "config.json", "RepoTags": [name], "Layers": ["layer.tar"]}])
    with tarfile.open(path, "w") as image:
        for file, content in (("layer.tar", layer), ("config.json", config), ("manifest.json", manifest)):
            _add(image, file, content)


def _layer(bundle):
    programs = {name: shutil.which(name) for name in ("busybox", "curl")}
    missing = [name for name, path in programs.items() if path is None]
    if missing:
        raise Skip(f"{', '.join(missing)} missing: deploy/install-packages image")
    kept = io.BytesIO()
    with tarfile.open(fileobj=kept, mode="w") as layer:
        for folder in [*FOLDERS, *_folders_of(libraries(programs["curl"]))]:
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if folder == "tmp" else 0o755
            layer.addfile(entry)
        for name, text in TEXTS.items():
            _add(layer, name, text.encode())
        _add(layer, BUNDLE.lstrip("/"), _read(bundle))
        _add(layer, "bin/busybox", _read(programs["busybox"]), 0o755)
        _add(layer, "usr/bin/curl", _read(programs["curl"]), 0o755)
        for library in sorted(set(libraries(programs["curl"]))):
            _add(layer, library.lstrip("/"), _read(library), 0o755)
        for applet in APPLETS:
            entry = tarfile.TarInfo(f"bin/{applet}")
            entry.type, entry.linkname = tarfile.SYMTYPE, "busybox"
            layer.addfile(entry)
    return kept.getvalue()


def _folders_of(paths):
    """All above these files, from the top down, that are not made anyway."""
    found = set()
    for path in paths:
        folder = os.path.dirname(path).lstrip("/")
        while folder:
            found.add(folder)
            folder = os.path.dirname(folder)
    return sorted(found - set(FOLDERS))


def _add(archive, name, content, mode=0o644):
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), mode
    archive.addfile(entry, io.BytesIO(content))


def _read(path):
    with open(path, "rb") as file:
        return file.read()


def _json(value):
    return json.dumps(value).encode()
