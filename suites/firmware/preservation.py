"""What the procedures on preservation put into a module, and take out again."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from cellbench.api import AtError, CellbenchError, CertificateKind, Channel, Dut, Recorder

from ..internet.credentials import CERTIFICATE, KEY

CONTEXT = 4
OWN = f'AT+CGDCONT={CONTEXT},"IP","kept.example"'
NAME = "kept"
_TEXT_MODE, _PDU_MODE = "AT+CMGF=1", "AT+CMGF=0"


@contextmanager
def planted(dut: Dut, record: Recorder) -> Iterator[None]:
    """A file, a context, a switched URC, a certificate with its key and a message, as far as the module takes
    them. Afterwards they are gone, and the APN that the module registers with is what it was."""
    file, urc = f"{NAME}-{secrets.token_hex(4)}.bin", dut.send("AT+CSCON?").value("+CSCON")[0]
    apn = _apn(dut)
    message = ""
    try:
        dut.files.put(file, secrets.token_bytes(300))
        dut.ensure(OWN)
        dut.ensure(f"AT+CSCON={0 if urc else 1}")
        dut.certificates.put(CertificateKind.CLIENT, NAME, CERTIFICATE)
        dut.certificates.put(CertificateKind.KEY, NAME, KEY)
        message = _message(dut, record)
        yield
    except BaseException:
        with suppress(CellbenchError):  # what went wrong tells more than what cannot be taken out after it
            _take_out(dut, apn, file, urc, message)
        raise
    _take_out(dut, apn, file, urc, message)


def quick_port(dut: Dut) -> Channel:
    """A port on USB where the slot has one, ready: packages may come by either (Table 47)."""
    if "at0" not in dut.slot.roles():
        return dut.at
    port = dut.port("at0")
    port.sync(10.0)
    port.send("AT+CMEE=2")
    return port


def _message(dut: Dut, record: Recorder) -> str:
    """The place of a message of our own, "" where the module stores none."""
    try:
        dut.send(_TEXT_MODE)
        return str(dut.send('AT+CMGW="+390000000001"', payload=b"kept\x1a").value("+CMGW")[0])
    except AtError as refused:
        record.note(f"no message was stored: {refused.message}")
        return ""
    finally:
        dut.send(_PDU_MODE, check=False)


def _take_out(dut: Dut, apn: str, file: str, urc: object, message: str) -> None:
    dut.files.delete(file, missing_ok=True)
    for kind in (CertificateKind.CLIENT, CertificateKind.KEY):
        dut.certificates.remove(kind, NAME, missing_ok=True)
    dut.ensure(f"AT+CGDCONT={CONTEXT}")
    dut.ensure(f"AT+CSCON={urc}")
    if message:
        dut.send(f"AT+CMGD={message}", check=False)
    if apn and apn != _apn(dut):
        dut.ensure(f'AT+CGDCONT={dut.profile.bearers.default_cid.value},"IP","{apn}"')


def _apn(dut: Dut) -> str:
    """The APN of the initial default bearer, "" where it is not the user's to set, or not set."""
    bearers = dut.profile.bearers
    return next((str(fields[2] or "") for fields in dut.send("AT+CGDCONT?").fields("+CGDCONT")
                 if fields[0] == bearers.default_cid.value and fields[0] in bearers.user_cids.value), "")
