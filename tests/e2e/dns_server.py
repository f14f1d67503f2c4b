"""A DNS server with a handful of TXT records on a loopback UDP port, for amavisd's DKIM checks.

Every name that is not in the table gets NXDOMAIN. Only what a stub resolver sends is understood:
one question, no compression in it; EDNS is ignored.
"""

import socketserver
import struct
import threading

TYPE_TXT = 16
CLASS_IN = 1
FLAGS_ANSWER = 0x8580  # response, authoritative, recursion available
RCODE_NO_NAME = 3


def _question(packet):
    labels, at = [], 12
    while packet[at]:
        labels.append(packet[at + 1 : at + 1 + packet[at]].decode("ascii", "replace").lower())
        at += 1 + packet[at]
    return ".".join(labels), packet[12 : at + 5], struct.unpack("!H", packet[at + 1 : at + 3])[0]


def answer(packet, texts):
    """The reply to one query; `texts` maps lower-case names to TXT values."""
    name, question, kind = _question(packet)
    records = b""
    if name in texts and kind == TYPE_TXT:
        value = texts[name].encode()
        pieces = b"".join(
            bytes([len(value[at : at + 255])]) + value[at : at + 255]
            for at in range(0, len(value), 255)
        )
        records = struct.pack("!HHHIH", 0xC00C, TYPE_TXT, CLASS_IN, 60, len(pieces)) + pieces
    flags = FLAGS_ANSWER | (0 if name in texts else RCODE_NO_NAME)
    return (
        packet[:2] + struct.pack("!HHHHH", flags, 1, 1 if records else 0, 0, 0) + question + records
    )


class _Query(socketserver.BaseRequestHandler):
    def handle(self):
        packet, reply_socket = self.request
        try:
            reply = answer(packet, self.server.texts)
        except (IndexError, struct.error):
            return  # not a query
        reply_socket.sendto(reply, self.client_address)


class DnsServer:
    def __init__(self, lab, texts):
        self.port = lab.ports.take()
        self._server = socketserver.ThreadingUDPServer(("127.0.0.1", self.port), _Query)
        self._server.texts = {name.lower(): text for name, text in texts.items()}
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        lab.on_close(self.close)

    def close(self):
        self._server.shutdown()
        self._server.server_close()
