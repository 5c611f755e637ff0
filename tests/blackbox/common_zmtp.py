# SPDX-License-Identifier: Apache-2.0
"""Requests to a coordinator or supervisor byte by byte: the wire of ZeroMQ (ZMTP 3.0, NULL) over a
plain TCP connection, so that a test may say what no library would. Not a test itself."""
import socket
import struct
import time

GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x00NULL" + bytes(16) + b"\x00" + bytes(31)


def pack(value):
    """msgpack of None, bool, int, text, bytes, lists and maps."""
    if value is None or isinstance(value, bool):
        return {None: b"\xc0", False: b"\xc2", True: b"\xc3"}[value]
    if isinstance(value, int):
        return b"\xd3" + struct.pack(">q", value)
    if isinstance(value, (str, bytes)):
        data = value.encode() if isinstance(value, str) else value
        return b"\xdb" + struct.pack(">I", len(data)) + data
    if isinstance(value, dict):
        parts = [pack(key) + pack(item) for key, item in value.items()]
        return b"\xdf" + struct.pack(">I", len(parts)) + b"".join(parts)
    return b"\xdd" + struct.pack(">I", len(value)) + b"".join(pack(item) for item in value)


class Connection:
    """A client of one endpoint, tcp://HOST:PORT."""

    def __init__(self, endpoint, socket_type=b"DEALER", receive_size=None):
        host, port = endpoint.removeprefix("tcp://").rsplit(":", 1)
        self.number = 0
        self.socket = socket.socket()
        if receive_size:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_size)
        self.socket.settimeout(10)
        self.socket.connect((host, int(port)))
        self.socket.sendall(GREETING)
        self.take(64)
        ready = (b"\x05READY\x0bSocket-Type" + struct.pack(">I", len(socket_type)) + socket_type
                 + b"\x08Identity" + bytes(4))
        self.socket.sendall(b"\x04" + bytes([len(ready)]) + ready)
        self.frame()

    def take(self, size):
        data = b""
        while len(data) < size:
            piece = self.socket.recv(size - len(data))
            if not piece:
                raise EOFError
            data += piece
        return data

    def frame(self):
        """(flags, bytes) of the next frame."""
        flags = self.take(1)[0]
        size = struct.unpack(">Q", self.take(8))[0] if flags & 2 else self.take(1)[0]
        return flags, self.take(size)

    def head(self, kind=1, version=1):
        self.number += 1
        return b"GR" + bytes([version, kind]) + struct.pack("<Q", self.number)

    def send(self, frames):
        out = b""
        for index, data in enumerate(frames):
            more = int(index + 1 < len(frames))
            out += bytes([more | 2]) + struct.pack(">Q", len(data)) + data
        self.socket.sendall(out)

    def ask(self, tree, body=b""):
        self.send([self.head(), pack(tree)] + ([body] if body else []))

    def ping(self):
        """Keeps the connection alive without reading from it."""
        self.socket.sendall(b"\x04\x07\x04PING\x00\x00")

    def answer(self, seconds=10.0):
        """The frames of the next answer; None: there is none in time."""
        frames, end = [], time.monotonic() + seconds
        while time.monotonic() < end:
            flags, data = self.frame()
            if flags & 4:  # A command: PING wants its PONG.
                if data[1:5] == b"PING":
                    pong = b"\x04PONG" + data[7:]
                    self.socket.sendall(b"\x04" + bytes([len(pong)]) + pong)
                continue
            frames.append(data)
            if not flags & 1:
                return frames
        return None

    def close(self):
        self.socket.close()
