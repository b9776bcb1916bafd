"""A registry of containers' images in the world: Debian's docker-registry behind nginx, which serves only who has its password."""

import ctypes
import os
import shutil

from lib.expect import Skip
from lib.nginx_server import Nginx
from lib.world import SECRET

NAME, USER = "registry.test", "lab"
# What an enforcer needs to know to be let in; the guest is told nothing of it.
CREDENTIAL = {"binding": [{"to": [NAME], "as": "basic", "username": USER}]}
PORT = 5000
_CONFIG = """
version: 0.1
log: {{level: info, accesslog: {{disabled: true}}}}
storage: {{filesystem: {{rootdirectory: {folder}/storage}}}}
http: {{addr: "127.0.0.1:{port}"}}
auth: {{htpasswd: {{realm: registry, path: {folder}/htpasswd}}}}
"""


def bcrypt(password):
    """The only kind of hash that the registry takes, by libcrypt, which every Debian has; Python's own module ends with 3.12."""
    library = ctypes.CDLL("libcrypt.so.1")
    for function in (library.crypt_gensalt, library.crypt):
        function.restype = ctypes.c_char_p
    made = library.crypt(password.encode(), library.crypt_gensalt(b"$2b$", ctypes.c_ulong(4), None, 0))
    assert made and made.startswith(b"$2b$"), made  # "*0" is how it says that it could not
    return made.decode()


class ContainerRegistry:
    def __init__(self, lab):
        if not shutil.which("docker-registry"):
            raise Skip("docker-registry is missing: deploy/install-packages test")
        self.lab, self.folder = lab, f"{lab.folder}/registry"
        os.makedirs(self.folder)
        with open(f"{self.folder}/htpasswd", "w") as file:
            file.write(f"{USER}:{bcrypt(SECRET)}\n")
        with open(f"{self.folder}/config.yml", "w") as file:
            file.write(_CONFIG.format(folder=self.folder, port=PORT))
        process = lab.world.start_process(["docker-registry", "serve", f"{self.folder}/config.yml"], "registry.log")
        lab.world.wait_for_program(process, PORT, "/v2/", 401, seconds=30)
        self.front = Nginx(lab, {NAME: {"/": f"http://127.0.0.1:{PORT}"}})

    def requests(self, **match):
        """What has arrived: requests(method="GET", status=200)."""
        return self.front.requests(host=NAME, **match)
