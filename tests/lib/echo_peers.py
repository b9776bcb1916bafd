"""An origin that sends a credential back (echo_server.py)."""

from lib.https_peers import HttpsPeer

ADDRESS = "93.184.216.62"


class EchoServer(HttpsPeer):
    def __init__(self, lab, host="echo.test"):
        super().__init__(lab, "echo_server", [host], ADDRESS)

    def seen(self, target):
        """The fields of every request for this target, by name in lower case; a name that came more than once has a list."""
        found = []
        for event in self.events(event="request", target=target):
            fields = {}
            for name, value in event["fields"]:
                fields.setdefault(name.lower(), []).append(value)
            found.append({name: values[0] if len(values) == 1 else values for name, values in fields.items()})
        return found
