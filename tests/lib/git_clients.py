"""git in a guest, and a repository in the world to push to."""

from lib.clients import Clients
from lib.git_server import GitServer
from lib.nginx_server import Nginx


def serve(lab):
    """(clients, server, nginx): the repository acme/widgets of git.test has one commit, which the tree "seed" has too."""
    clients, server = Clients(lab), GitServer(lab)
    nginx = Nginx(lab, {"git.test": {"/": server.place}})
    server.create("acme/widgets.git")
    clients.path(".gitconfig", "[user]\nname = A\nemail = a@git.test\n[init]\ndefaultBranch = main\n")
    commit(clients, "seed", "first", b"one\n", new=True)
    server.git("-c", "safe.directory=*", "-C", clients.path("seed"), "push", "--quiet", f"{server.folder}/acme/widgets.git", "main")
    return clients, server, nginx


def commit(clients, tree, name, content, new=False):
    if new:
        clients.ok("git", "init", "--quiet", tree)
    clients.path(f"{tree}/{name}", content)
    clients.ok("git", "-C", tree, "add", name)
    clients.ok("git", "-C", tree, "commit", "--quiet", "-m", name)


def clone(clients, tree="mine"):
    clients.ok("git", "clone", "--quiet", "https://git.test/acme/widgets.git", tree)
