"""A lab whose guests are those of the image `docker`, built once into the build folder from Debian's packages: a minute, and root."""

import shutil

from lib import images
from lib.expect import Skip
from lib.processes import wait_for
from lib.reachable import reachable
from lib.workspace_lab import WorkspaceLab

IMAGE_SECONDS = 900     # downloading 300 MB included
ENGINE_SECONDS = 300    # of a loaded machine under TCG; an idle one takes twenty
COMMAND_SECONDS = 300


def docker_image():
    """The folder with the image."""
    if missing := [program for program in ("mmdebstrap", "mkfs.erofs") if not shutil.which(program)]:
        raise Skip(f"{', '.join(missing)} missing: deploy/install-packages image-root")
    return reachable(images.keep("docker", IMAGE_SECONDS))


class DockerLab(WorkspaceLab):
    image = "docker"

    def make_images(self):
        return docker_image()

    def start_guest(self):
        """g1 of kim's, with her project, in which the engine answers; its record."""
        record = self.guest_with(self.project, options=("-l", "lab=yes"))
        wait_for(lambda: self.docker("version").returncode == 0, ENGINE_SECONDS, "the engine in the guest to answer", interval=1)
        return record

    def docker(self, arguments, *options):
        """The words behind `docker`, as a shell reads them, as kim."""
        return self.inside(f"docker {arguments}", *options, timeout=COMMAND_SECONDS)

    def docker_ok(self, arguments):
        done = self.docker(arguments)
        if done.returncode != 0:
            raise AssertionError(f"docker {arguments}: {done.returncode}: {done.stdout}{done.stderr}\n" +
                                 self.inside("tail -n 20 /var/log/docker.log", "--root").stdout)
        return done.stdout
