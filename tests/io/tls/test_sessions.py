"""Sessions as text a host can hold: what is read is what was written; rubbish is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellbench.io.tls.sessions import parse_session, session_from_id, session_from_ticket

SECRETS = st.binary(min_size=48, max_size=48)
SUITES = st.integers(0, 0xFFFF)


@given(st.binary(min_size=1, max_size=32), SECRETS, SUITES, st.booleans(), st.booleans())
def test_by_id(session_id: bytes, secret: bytes, suite: int, datagram: bool, extended: bool) -> None:
    session = parse_session(
        session_from_id(session_id, secret, datagram=datagram, suite=suite, extended=extended).der)
    assert (session.session_id, session.master_secret, session.suite) == (session_id, secret, suite)
    assert session.version == (0xFEFD if datagram else 0x0303)
    assert session.extended_master_secret is extended
    assert session.ticket == b""


@given(st.binary(min_size=1, max_size=3000), SECRETS, SUITES)
def test_by_ticket(ticket: bytes, secret: bytes, suite: int) -> None:
    session = parse_session(
        session_from_ticket(ticket, secret, datagram=False, suite=suite, extended=True).compact().der)
    assert (session.ticket, session.master_secret, session.suite) == (ticket, secret, suite)


@given(st.binary(max_size=200))
def test_rubbish_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"not a TLS session|DER"):
        parse_session(data)


@given(st.data())
def test_cut_sessions_are_refused(data: st.DataObject) -> None:
    der = session_from_id(b"x" * 32, b"s" * 48, datagram=False, suite=0xC02B).der
    with pytest.raises(ValueError, match=r"not a TLS session|DER"):
        parse_session(der[: data.draw(st.integers(0, len(der) - 1))])


@pytest.mark.parametrize(("session_id", "secret"),
                         [(b"", b"s" * 48), (b"x" * 33, b"s" * 48), (b"x", b"s" * 47)])
def test_wrong_lengths(session_id: bytes, secret: bytes) -> None:
    with pytest.raises(ValueError, match="bytes, not"):
        session_from_id(session_id, secret, datagram=False, suite=1)
