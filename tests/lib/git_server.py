"""A git server of the world: bare repositories over smart HTTP (`git http-backend`), behind nginx. Run as `git_server.py ADDRESS PORT
REPOSITORIES` inside the namespace."""

import http.server
import os
import socketserver
import subprocess
import sys
import urllib.parse

PLACE = ("127.0.0.1", 3000)


class GitServer:
    """Everybody may push. Repositories are below `folder`."""

    def __init__(self, lab):
        self.lab, self.folder = lab, f"{lab.folder}/repositories"
        self.place = "http://%s:%d" % PLACE
        os.makedirs(self.folder)
        argv = [sys.executable, os.path.abspath(__file__), PLACE[0], str(PLACE[1]), self.folder]
        self.process = lab.world.start_process(argv, "git-server.log")

    def create(self, name):
        path = f"{self.folder}/{name}"
        self.git("init", "--quiet", "--bare", "--initial-branch=main", path)
        self.git("-C", path, "config", "http.receivepack", "true")
        return path

    def tip(self, name, branch="main"):
        return self.git("-C", f"{self.folder}/{name}", "rev-parse", f"refs/heads/{branch}").strip()

    def git(self, *arguments):
        environment = {"PATH": os.environ["PATH"], "HOME": self.lab.folder, "GIT_CONFIG_NOSYSTEM": "1"}
        return subprocess.run(["git", *arguments], check=True, capture_output=True, text=True, timeout=60, env=environment).stdout


class Handler(http.server.BaseHTTPRequestHandler):
    """nginx has put each body together, so it has a length, and wants to keep no connection."""

    def do_GET(self):
        parts = urllib.parse.urlsplit(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        environment = {
            "PATH": os.environ["PATH"], "GIT_PROJECT_ROOT": sys.argv[3], "GIT_HTTP_EXPORT_ALL": "1", "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*",
            "REQUEST_METHOD": self.command, "PATH_INFO": urllib.parse.unquote(parts.path), "QUERY_STRING": parts.query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""), "CONTENT_LENGTH": str(length),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""), "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
        }
        backend = subprocess.Popen(["git", "http-backend"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
        with backend:
            while length and (data := self.rfile.read(min(length, 1 << 16))):
                backend.stdin.write(data)
                length -= len(data)
            backend.stdin.close()
            fields = []
            while (line := backend.stdout.readline().decode().rstrip("\r\n")):
                fields.append(line.split(": ", 1))
            status = dict(fields).get("Status", "200 OK").split(" ")[0]
            self.send_response(int(status))
            for name, value in fields:
                if name != "Status":
                    self.send_header(name, value)
            self.end_headers()
            while data := backend.stdout.read1(1 << 16):
                self.wfile.write(data)

    do_POST = do_GET


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True


if __name__ == "__main__":
    Server((sys.argv[1], int(sys.argv[2])), Handler).serve_forever()
