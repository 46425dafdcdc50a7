"""Every Python process that has this folder on its path may speak to its own machine alone.

What it tries beyond that fails, and is written down with its command line, for a tool that sends
in the background has its output thrown away.
"""

import os
import socket
import sys

LOOPBACK = ("127.", "::1", "localhost")
FAMILIES = (socket.AF_INET, socket.AF_INET6)


def refuse_beyond(address):
    """OSError for an address of another machine, or for a name that would have to be asked for."""
    host = address[0] if isinstance(address, tuple) else address
    if host in (None, "", b"") or str(host).startswith(LOOPBACK):
        return
    with open(os.environ["NETWORK_TRIED"], "a", encoding="utf-8") as told:
        told.write(f"{host}: {' '.join(sys.orig_argv)}\n")
    raise OSError(f"{host}: the network is shut off")


class Guarded(socket.socket):
    """A socket that reaches no other machine."""

    def connect(self, address):
        if self.family in FAMILIES:
            refuse_beyond(address)
        return super().connect(address)

    def connect_ex(self, address):
        if self.family in FAMILIES:
            refuse_beyond(address)
        return super().connect_ex(address)

    def sendto(self, data, *rest):
        if self.family in FAMILIES:
            refuse_beyond(rest[-1])
        return super().sendto(data, *rest)


def guarded(look_up):
    def ask(host, *rest, **options):
        refuse_beyond(host)
        return look_up(host, *rest, **options)

    return ask


socket.socket = socket.SocketType = Guarded
for name in ("getaddrinfo", "gethostbyname", "gethostbyname_ex"):
    setattr(socket, name, guarded(getattr(socket, name)))
