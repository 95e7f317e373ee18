"""Names over a dial-up connection: a question to the DNS servers that the module named, and URLs."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from cellbench.base.errors import NotPossible, OperatorError
from cellbench.host.ppp_model import PppNoAnswer, PppUnreachable
from cellbench.host.ppp_sockets import PppUdp
from cellbench.wire.ip.checksum import Address
from cellbench.wire.ip.dns import PORT, BadAnswer, Record, Status, parse_answer, question

_TRIES = 3
_LONGEST_TRY_S = 5.0
_HTTP = 80


def ask_name(open_port: Callable[[], PppUdp], servers: Sequence[str], name: str, ipv6: bool,
             timeout_s: float) -> Address:
    """The first address that a server gives. Raises PppUnreachable when one says that there is none,
    PppNoAnswer when none answers in time."""
    try:
        query = question(secrets.randbelow(0x10000), name, Record.AAAA if ipv6 else Record.A)
    except ValueError as error:
        raise OperatorError(str(error)) from None
    until = time.monotonic() + timeout_s
    each_s = min(_LONGEST_TRY_S, timeout_s / (_TRIES * len(servers)))
    for server in (one for _ in range(_TRIES) for one in servers):
        if time.monotonic() >= until:
            break
        with open_port() as port:
            port.send_to(query, server, PORT)
            found = _await_answer(port, query, server, name, each_s)
        if found is not None:
            return found
    raise PppNoAnswer(f"no DNS server ({', '.join(servers)}) answers for {name} within {timeout_s:g} s")


def _await_answer(port: PppUdp, query: bytes, server: str, name: str, seconds: float) -> Address | None:
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        try:
            got = port.recv_from(left)
            if got.host != server:
                continue
            answer = parse_answer(query, got.data)
        except BadAnswer:
            continue
        except (PppNoAnswer, PppUnreachable):
            return None  # the next server may
        if answer.addresses:
            return answer.addresses[0]
        if answer.status in (Status.GOOD, Status.NO_SUCH_NAME):
            raise PppUnreachable(f"DNS server {server}: {name} has no such address")
        return None
    return None


def url_parts(url: str) -> tuple[str, int, str]:
    """Host, port, and path with query of an http: address. Raises NotPossible for another scheme,
    OperatorError for what has no host."""
    parts = urlsplit(url)
    if parts.scheme != "http":
        raise NotPossible(f"{url}: only http: addresses are fetched over PPP",
                          remedy="open link.tcp and speak the protocol there")
    if not parts.hostname:
        raise OperatorError(f"{url}: no host")
    path = parts.path or "/"
    return parts.hostname, parts.port or _HTTP, f"{path}?{parts.query}" if parts.query else path
