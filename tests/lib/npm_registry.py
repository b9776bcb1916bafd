"""A package registry of the world: verdaccio, offline, behind nginx. It is installed once, into the build folder."""

import json
import os

from lib.npm_package import installed

VERSION = "6.1.6"  # the last that starts with Node 18 and 20
PORT = 4873
_CONFIG = """
storage: {folder}/storage
packages: {{"**": {{access: $all, publish: $all, unpublish: $all}}}}
uplinks: {{}}
web: {{enable: false}}
server: {{keepAliveTimeout: 60}}
log: {{type: stdout, format: pretty, level: http}}
"""


def program():
    """verdaccio's own, after it has been installed where it is missing."""
    # It asks for node-fetch by a tag, and not every registry keeps tags: any version that is there already will do.
    return f"{installed('verdaccio', VERSION, {'node-fetch': '2.6.7'})}/bin/verdaccio"


class NpmRegistry:
    """Everybody may publish."""

    def __init__(self, lab):
        verdaccio = program()
        self.lab, self.folder, self.place = lab, f"{lab.folder}/registry", f"http://127.0.0.1:{PORT}"
        os.makedirs(self.folder)
        with open(f"{self.folder}/config.yaml", "w") as file:
            file.write(_CONFIG.format(folder=self.folder))
        argv = ["env", f"HOME={self.folder}", "node", verdaccio, "--config", f"{self.folder}/config.yaml",
                "--listen", self.place]
        process = lab.world.start_process(argv, "registry.log")
        lab.world.wait_for_program(process, PORT, "/-/ping", 200, seconds=90)

    def publish(self, folder):
        """From inside the world, straight to the server."""
        environment = {"PATH": os.environ["PATH"], "HOME": self.folder, **settings(self.folder, self.place)}
        done = self.lab.world.netns.run(["npm", "publish"], timeout=90, cwd=folder, env=environment)
        assert done.returncode == 0, done.stderr
        return self


def settings(folder, registry):
    """npm's configuration as variables: nothing of the machine's own, and a token, without which npm does not even try to publish."""
    authority = registry.split(":", 1)[1].rstrip("/")
    for name in ("user", "global"):
        with open(f"{folder}/npmrc-{name}", "w") as file:
            file.write(f"{authority}/:_authToken=nobody\n" if name == "user" else "")
    return {"npm_config_registry": registry, "npm_config_userconfig": f"{folder}/npmrc-user", "npm_config_cache": f"{folder}/npm-cache",
            "npm_config_globalconfig": f"{folder}/npmrc-global", "npm_config_update_notifier": "false"}


def write_package(folder, name, version, main, dependencies=None):
    os.makedirs(folder)
    with open(f"{folder}/package.json", "w") as file:
        json.dump({"name": name, "version": version, "main": "index.js", "dependencies": dependencies or {}}, file)
    with open(f"{folder}/index.js", "w") as file:
        file.write(main)
    return folder
