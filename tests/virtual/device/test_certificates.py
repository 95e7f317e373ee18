"""+USECMNG with the certificates of the world: import, list, MD5, refusals, what stays."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from cellbench.catalogue.model import Series
from cellbench.virtual.device.certificates import LARGEST
from cellbench.virtual.device.config import Timing

CERTS = Path(str(resources.files("cellbench.virtual.world"))) / "certs"


def cert(name: str) -> bytes:
    return (CERTS / name).read_bytes()


def openssl(*words: str, data: bytes) -> bytes:
    """The openssl program as the foreign judge of formats."""
    return subprocess.run(["openssl", *words], input=data, capture_output=True, check=True, timeout=30).stdout


def give(module: Any, line: str, data: bytes) -> list[str]:
    """A command whose prompt is answered with data."""
    module.uart.clear()
    module.send(f"{line}\r".encode())
    module.until(lambda: module.uart.endswith(b">") or b"ERROR" in module.uart, 5)
    if b"ERROR" in module.uart:
        return list(module.lines())
    module.uart.clear()
    module.send(data)
    module.until(lambda: b"OK\r\n" in module.uart or b"ERROR" in module.uart, 5)
    return list(module.lines())


def stream(module: Any, item: int, name: str, data: bytes, more: str = "") -> list[str]:
    """+USECMNG with operation 0."""
    return give(module, f'AT+USECMNG=0,{item},"{name}",{len(data)}{more}', data)


def test_rows_of_the_guides(module: Any) -> None:
    """LENA-R8 guide Table 24 steps 1 and 2, LARA-R6 guide 3.3, with the genuine certificate."""
    pem = cert("thawte_genuine.pem")
    assert len(pem) == 1516
    assert stream(module, 0, "ThawteCA", pem) == [
        '+USECMNG: 0,0,"ThawteCA","8ccadc0b22cef5be72ac411a11a8d812"', "OK"]
    assert module.at("AT+USECMNG=3") == [
        'CA,"ThawteCA","thawte Primary Root CA","2036/07/16 23:59:59"', "OK"]


def test_import_from_files(module: Any) -> None:
    """LENA-R8 guide Table 22, LARA-R6 guide 3.1."""
    for file in ("ca_cert.crt", "client_cert.crt", "client_key.key"):
        assert give(module, f'AT+UDWNFILE="{file}",{len(cert(file))}', cert(file)) == ["OK"]
    for item, name, file, form in ((0, "ca_cert", "ca_cert.crt", "x509"),
                                   (1, "client_cert", "client_cert.crt", "x509"),
                                   (2, "client_key", "client_key.key", "rsa")):
        md5 = hashlib.md5(openssl(form, "-outform", "DER", data=cert(file))).hexdigest()
        if form == "rsa":
            md5 = hashlib.md5(openssl("rsa", "-outform", "DER", "-traditional", data=cert(file))).hexdigest()
        assert module.at(f'AT+USECMNG=1,{item},"{name}","{file}"') == [
            f'+USECMNG: 1,{item},"{name}","{md5}"', "OK"]
        assert module.at(f'AT+USECMNG=4,{item},"{name}"') == [f'+USECMNG: 4,{item},"{name}","{md5}"', "OK"]
    assert module.at("AT+USECMNG=3") == [
        'CA,"ca_cert","An MQTT broker","2032/10/18 08:23:32"',
        'CC,"client_cert","A client certificate","2032/06/22 12:34:48"', 'PK,"client_key"', "OK"]


def test_der_and_pem_have_one_md5(module: Any) -> None:
    pem = cert("ca_cert.crt")
    first = stream(module, 0, "pem", pem)[0].rpartition(",")[2]
    second = stream(module, 0, "der", openssl("x509", "-outform", "DER", data=pem))[0].rpartition(",")[2]
    assert first == second


def test_a_name_is_taken_over_and_removed(module: Any) -> None:
    module.at("AT+CMEE=1")
    stream(module, 0, "one", cert("ca_cert.crt"))
    stream(module, 0, "one", cert("thawte_genuine.pem"))
    assert module.at("AT+USECMNG=3")[:-1] == ['CA,"one","thawte Primary Root CA","2036/07/16 23:59:59"']
    assert module.at('AT+USECMNG=2,1,"one"') == ["+CME ERROR: 1916"]
    assert module.at('AT+USECMNG=2,0,"one"') == ["OK"]
    assert module.at('AT+USECMNG=4,0,"one"') == ["+CME ERROR: 1916"]
    assert module.at("AT+USECMNG=3") == ["OK"]


def test_refusals_of_content(module: Any) -> None:
    module.at("AT+CMEE=1")
    assert stream(module, 0, "x", b"no certificate at all") == ["+CME ERROR: 1913"]
    assert stream(module, 0, "x", cert("ca_cert.crt")[:-200]) == ["+CME ERROR: 1913"]
    assert stream(module, 0, "x", cert("ca_cert.crt") * 2) == ["+CME ERROR: 1913"]
    assert stream(module, 0, "x", cert("server_rsa1024.crt")) == ["+CME ERROR: 1913"]
    assert stream(module, 2, "x", cert("server_rsa1024.key")) == ["+CME ERROR: 1918"]
    assert stream(module, 2, "x", cert("ca_cert.crt")) == ["+CME ERROR: 1918"]
    assert module.at(f'AT+USECMNG=0,0,"x",{LARGEST + 1}') == ["+CME ERROR: 1911"]
    assert module.at('AT+USECMNG=0,0,"x",0') == ["+CME ERROR: 1911"]
    assert module.at('AT+USECMNG=1,0,"x","no file"') == ["+CME ERROR: 1612"]
    assert module.at('AT+USECMNG=0,6,"x",10') == ["+CME ERROR: 50"]
    assert module.at("AT+USECMNG=3") == ["OK"]


def test_keys_with_a_password(module: Any, series: Series) -> None:
    """LENA-R8 guide 9.1.1: the import of a PKCS8 encrypted key is not supported."""
    module.at("AT+CMEE=1")
    encrypted = openssl("pkcs8", "-topk8", "-v2", "aes-128-cbc", "-passout", "pass:secret",
                        data=cert("client_key.key"))
    answer = stream(module, 2, "key", encrypted, ',"secret"')
    if series is Series.LENA_R8:
        assert answer == ["+CME ERROR: 1918"]
    else:
        assert answer[-1] == "OK"
        assert stream(module, 2, "other", encrypted, ',"wrong"') == ["+CME ERROR: 1918"]
    assert stream(module, 2, "other", encrypted) == ["+CME ERROR: 1918"]
    assert stream(module, 2, "other", cert("client_key.key"), ',"secret"') == ["+CME ERROR: 1918"]


def test_a_pem_on_one_line(module: Any, series: Series) -> None:
    module.at("AT+CMEE=1")
    lines = cert("ca_cert.crt").split()
    flat = b"-----BEGIN CERTIFICATE-----" + b"".join(lines[2:-2]) + b"-----END CERTIFICATE-----"
    answer = stream(module, 0, "flat", flat)
    assert answer == ["+CME ERROR: 1913"] if series is Series.LENA_R8 else answer[-1] == "OK"


def test_the_store_has_an_end(driven: Callable[..., Any], series: Series) -> None:
    one = driven(series, certificates=2)
    one.ready()
    one.at("AT+CMEE=1")
    for name in ("a", "b"):
        assert stream(one, 0, name, cert("ca_cert.crt"))[-1] == "OK"
    assert stream(one, 0, "c", cert("ca_cert.crt")) == ["+CME ERROR: 1914"]
    assert stream(one, 0, "b", cert("ca_cert.crt"))[-1] == "OK"


def test_silence_after_the_prompt(module: Any) -> None:
    module.at("AT+CMEE=1")
    module.uart.clear()
    module.send(b'AT+USECMNG=0,0,"x",100\r')
    module.until(lambda: module.uart.endswith(b">"), 5)
    module.until(lambda: b"+CME ERROR: 1910" in module.uart, 40)


@pytest.mark.parametrize("line", ["AT+UFACTORY=2,1", None])
def test_they_stay(driven: Callable[..., Any], series: Series, tmp_path: Path, line: str | None) -> None:
    one = driven(series, timing=Timing.FAST, home=tmp_path / "home")
    one.ready()
    stream(one, 0, "kept", cert("ca_cert.crt"))
    if line:
        assert one.at(line) == ["OK"]
    one.module.set_supply(0.0)
    one.run(0.1)
    again = driven(series, timing=Timing.FAST, home=tmp_path / "home")
    again.ready()
    assert again.at("AT+USECMNG=3")[0].startswith('CA,"kept",')
    stored = tmp_path / "home" / "certificates.json"
    assert stored.stat().st_mode & 0o077 == 0
