"""What is planted in a unit before a cell, so that a loss shows: a file, a certificate, a setting."""

from __future__ import annotations

import contextlib

from cellbench.base.clock import Deadline
from cellbench.host.certificates import CertificateKind, CertificateMissing, md5_of
from cellbench.host.files import FileDiffers, FileMissing
from cellbench.host.firmware.fingerprint import Fingerprint, fingerprint_of
from cellbench.rig.dut import Dut

FILE = "interruption.mark"
CONTENT = bytes(range(256)) * 2
NAME = "interruption_mark"
APN = "interruption.mark"
_SIM_S, _POLL_S = 15.0, 0.2
_LONGEST_FILE = 4096  # bytes; of a longer file its size is enough

CERTIFICATE = b"""\
-----BEGIN CERTIFICATE-----
MIIDLzCCAhegAwIBAgIUdEC6KUNOlLlOGD1UAQRVnwthsfIwDQYJKoZIhvcNAQEL
BQAwJjEkMCIGA1UEAwwbY2VsbGJlbmNoIGludGVycnVwdGlvbiBtYXJrMCAXDTI2
MTEyMTE5NTkxN1oYDzIwODEwODI0MTk1OTE3WjAmMSQwIgYDVQQDDBtjZWxsYmVu
Y2ggaW50ZXJydXB0aW9uIG1hcmswggEiMA0GCSqGSIb3DQEBAQUAA4IBDwAwggEK
AoIBAQCwadcCvxZmIOEQX5uXxPC4SJqxux5EcJbOXXMt4s9U/ttmqIFK8xs6RPDM
ECMI/P4Ho6A6+nfFRznnd9Sbch1SeZWcZ5lJ5GeVUyaEnp/2N3C2JVR2fvtZZIUh
qzaFtIBzQ9OOFsmlz575TQftPmWhDGI6tHTh+AFcbRSdExLK28AZkDn0ylFOTOAE
8EjMzGCBviGS2LQD3flNE/DT9RJ9nGmBk0ljTUsMizpHKa0iKNHAz/+m17T1Um/A
oMDfaQDsMO0qUTwsykedN91uiNy9w5UqFFW0AlZREeHqRNLUs06tuFuzoeyAM19t
rs3N4w7akApwipu2uFFcbCIDFR7xAgMBAAGjUzBRMB0GA1UdDgQWBBRPRhxi4Pi+
oabK78If+Dp4ftKjnzAfBgNVHSMEGDAWgBRPRhxi4Pi+oabK78If+Dp4ftKjnzAP
BgNVHRMBAf8EBTADAQH/MA0GCSqGSIb3DQEBCwUAA4IBAQBLAKOlg/xFt1+jOL+l
R0j6+Et6Mq1IjFO8bIbR19kJirVTWzBNs/mxQ/ttkPDu4BUk7I2OjX8bfKsfVfsv
yLL9aFpdZ1q1/bE3O52sleEJCP5FDsAGAZwp7oQhHN8vNvVlM1nfb+zeOglfEwaq
wBuR8f8/gznirRJD84p17L8MXpP1F9SIjTI+FjqIcxCR8e5vsQfEkQduiEmJnwsM
pzOsDX1HUnGygbcSEJ25jz7RBXhdfUMQ32LSUIRssKWbMDE3evoI1xHEQF4RgMTc
i+q07o+yRnBz5kW06zOQwnHBQqcozP7cWBJqSvtIQTq+LN4bLLhkiacSayPV20Vk
m1yB
-----END CERTIFICATE-----
"""


def plant(dut: Dut) -> None:
    """Put the marks in place where they are not. Raises what the module refuses."""
    with contextlib.suppress(FileMissing, FileDiffers):
        dut.files.check(FILE, CONTENT)
        return _plant_rest(dut)
    dut.files.put(FILE, CONTENT)
    return _plant_rest(dut)


def look(dut: Dut) -> Fingerprint:
    """What the unit holds now, once its SIM answers: before, stores of messages are refused."""
    deadline = Deadline.after(_SIM_S)
    while not dut.send("AT+CPMS?", check=False).final.success and not deadline.expired:
        dut.at.wait_until(lambda: False, _POLL_S)
    return fingerprint_of(dut.at, longest_file=_LONGEST_FILE)


def _plant_rest(dut: Dut) -> None:
    try:
        there = dut.certificates.md5(CertificateKind.ROOT, NAME) == md5_of(CERTIFICATE)
    except CertificateMissing:
        there = False
    if not there:
        dut.certificates.put(CertificateKind.ROOT, NAME, CERTIFICATE)
    dut.ensure(f'AT+CGDCONT={dut.profile.bearers.user_cids.value[-1]},"IP","{APN}"')
