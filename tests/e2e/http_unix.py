"""HTTP to the daemon's metrics endpoint, on a Unix socket or a loopback port."""

import http.client
import socket

OPEN_METRICS = "application/openmetrics-text;version=1.0.0"


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=60)
        self._path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def get(where, path, accept=None):
    """Status, content type and text of a GET; `where` is a path, or a port of 127.0.0.1."""
    if isinstance(where, int):
        connection = http.client.HTTPConnection("127.0.0.1", where, timeout=60)
    else:
        connection = _UnixConnection(where)
    try:
        connection.request("GET", path, headers={"Accept": accept} if accept else {})
        answer = connection.getresponse()
        return answer.status, answer.getheader("Content-Type"), answer.read().decode()
    finally:
        connection.close()
