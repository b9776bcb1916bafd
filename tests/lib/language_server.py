"""A client of yaml-language-server, as editors are: the Language Server Protocol over its standard input and output."""

import json
import os
import queue
import subprocess
import tempfile
import threading

from lib.npm_package import installed

VERSION = "1.20.0"  # the last line that runs with Node 18, which Debian 12 has
ANSWER_SECONDS = 60


class LanguageServer:
    """One server for the time of a `with`. Positions are (line, column), both from 0."""

    def __init__(self):
        self._program = f"{installed('yaml-language-server', VERSION)}/bin/yaml-language-server"
        self._last_id = 0
        self._answers, self._diagnostics = queue.Queue(), queue.Queue()

    def __enter__(self):
        self._home = tempfile.TemporaryDirectory()
        environment = {"PATH": os.environ["PATH"], "HOME": self._home.name}
        self._process = subprocess.Popen(["node", self._program, "--stdio"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                         env=environment, cwd=self._home.name)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._request("initialize", {"processId": os.getpid(), "rootUri": None, "capabilities": {
            "textDocument": {"completion": {"completionItem": {"documentationFormat": ["markdown"]}},
                             "hover": {"contentFormat": ["markdown"]}}}})
        self._notify("initialized", {})
        # Only the schema that a file names itself: nothing from anywhere else.
        self._notify("workspace/didChangeConfiguration", {"settings": {"yaml": {
            "validate": True, "hover": True, "completion": True, "schemaStore": {"enable": False},
            "kubernetesCRDStore": {"enable": False}}}})
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.wait()
        self._reader.join()
        self._home.cleanup()

    def open(self, name, text):
        self._notify("textDocument/didOpen", {"textDocument": {"uri": self._uri(name), "languageId": "yaml", "version": 1, "text": text}})

    def change(self, name, version, text):
        """The whole text is replaced; versions count from 2."""
        self._notify("textDocument/didChange", {"textDocument": {"uri": self._uri(name), "version": version},
                                                "contentChanges": [{"text": text}]})

    def mistakes(self, name):
        """[(line, message)] as soon as the file has any."""
        return self._told(name, lambda told: told)

    def no_mistakes(self, name):
        """Returns when the server says of the file that nothing is wrong with it."""
        self._told(name, lambda told: not told)

    def completions(self, name, line, column):
        """The labels that are offered."""
        answer = self._request("textDocument/completion", self._at(name, line, column))
        return [item["label"] for item in (answer["items"] if isinstance(answer, dict) else answer or [])]

    def hover(self, name, line, column):
        """The text beside the pointer; empty without any."""
        answer = self._request("textDocument/hover", self._at(name, line, column))
        return answer["contents"]["value"] if answer else ""

    def _uri(self, name):
        return f"file://{self._home.name}/{name}"

    def _at(self, name, line, column):
        return {"textDocument": {"uri": self._uri(name)}, "position": {"line": line, "character": column}}

    def _told(self, name, wanted):
        # What is told has no version, and a text is sometimes judged twice: the answer to the text before may come first.
        told = "nothing at all"
        while True:
            try:
                params = self._diagnostics.get(timeout=ANSWER_SECONDS)
            except queue.Empty:
                raise AssertionError(f"{name}: the server says {told}") from None
            if params["uri"] != self._uri(name):
                continue
            told = [(d["range"]["start"]["line"], d["message"]) for d in params["diagnostics"]]
            if wanted(told):
                return told

    def _send(self, message):
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self._process.stdin.flush()

    def _notify(self, method, params):
        self._send({"method": method, "params": params})

    def _request(self, method, params):
        self._last_id += 1
        self._send({"id": self._last_id, "method": method, "params": params})
        answer = self._answers.get(timeout=ANSWER_SECONDS)
        assert answer["id"] == self._last_id and "result" in answer, answer
        return answer["result"]

    def _read(self):
        stream = self._process.stdout
        while header := stream.readline():
            length = 0
            while header.strip():
                name, _, value = header.partition(b":")
                length = int(value) if name.lower() == b"content-length" else length
                header = stream.readline()
            message = json.loads(stream.read(length))
            if message.get("method") == "textDocument/publishDiagnostics":
                self._diagnostics.put(message["params"])
            elif "method" in message and "id" in message:
                self._send({"id": message["id"], "result": None})  # what the server asks of editors; we have nothing to say
            elif "id" in message:
                self._answers.put(message)
