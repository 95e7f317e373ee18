"""Files of the virtual module: what comes and goes byte for byte, what is refused, what power does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellbench.catalogue.model import Series
from cellbench.virtual.device.config import Timing
from cellbench.virtual.device.filestore import FileRefusal, FileStore, FileTrouble


def write(module: Any, name: str, data: bytes, tag: str = "") -> list[str]:
    """+UDWNFILE with its data."""
    module.send(f'AT+UDWNFILE="{name}",{len(data)}{f",{chr(34)}{tag}{chr(34)}" if tag else ""}\r'.encode())
    module.until(lambda: module.uart.endswith(b">") or b"ERROR" in module.uart, 5)
    if b"ERROR" in module.uart:
        return list(module.lines())
    module.uart.clear()
    module.send(data)
    module.until(lambda: b"\r\n" in module.uart.lstrip(), 5)
    return list(module.lines())


def content(module: Any, name: str) -> bytes:
    """What +URDFILE gives."""
    module.uart.clear()
    module.send(f'AT+URDFILE="{name}"\r'.encode())
    module.until(lambda: module.uart.endswith(b"\r\nOK\r\n"), 5)
    answer = bytes(module.uart)
    module.uart.clear()
    head, _, rest = answer.partition(b',"')
    size = int(head.rpartition(b",")[2])
    assert rest[size : size + 1] == b'"'
    return rest[:size]


def test_rows_of_the_guides(module: Any) -> None:
    """LENA-R8 guide Table 31, LARA-R6 guide 10.2."""
    assert write(module, "postdata.txt", b"hello world") == ["OK"]
    assert module.at('AT+URDFILE="postdata.txt"') == ['+URDFILE: postdata.txt,11,"hello world"', "OK"]


def test_every_byte_passes(module: Any) -> None:
    data = bytes(range(256)) * 3 + b'\r\nOK\r\n"\r\nERROR\r\n+++'
    assert write(module, "all.bin", data) == ["OK"]
    assert content(module, "all.bin") == data
    assert module.at('AT+ULSTFILE=2,"all.bin"') == [f"+ULSTFILE: {len(data)}", "OK"]


def test_a_second_write_is_added(module: Any) -> None:
    write(module, "a", b"one")
    write(module, "a", b"two")
    assert content(module, "a") == b"onetwo"
    assert module.at('AT+URDBLOCK="a",2,3') == ['+URDBLOCK: "a",3,"etw"', "OK"]
    assert module.at('AT+URDBLOCK="a",4,100') == ['+URDBLOCK: "a",2,"wo"', "OK"]


def test_lists_and_deletes(module: Any) -> None:
    assert module.at("AT+ULSTFILE=0") == ['+ULSTFILE: ""', "OK"]
    before = int(module.at("AT+ULSTFILE=1")[0].split()[1])
    write(module, "b.txt", b"x" * 100)
    write(module, "a.txt", b"y")
    write(module, "updatePackage.bin", b"z" * 10, "FOAT")
    assert module.at("AT+ULSTFILE=0") == ['+ULSTFILE: "a.txt","b.txt"', "OK"]
    assert module.at("AT+ULSTFILE") == ['+ULSTFILE: "a.txt","b.txt"', "OK"]
    assert module.at('AT+ULSTFILE=0,"FOAT"') == ['+ULSTFILE: "updatePackage.bin"', "OK"]
    assert module.at("AT+ULSTFILE=1") == [f"+ULSTFILE: {before - 111}", "OK"]
    assert module.at('AT+UDELFILE="b.txt"') == ["OK"]
    assert module.at('AT+UDELFILE="updatePackage.bin","FOAT"') == ["OK"]
    assert module.at("AT+ULSTFILE=1") == [f"+ULSTFILE: {before - 1}", "OK"]


def test_refusals(module: Any) -> None:
    module.at("AT+CMEE=1")
    assert module.at('AT+URDFILE="none"') == ["+CME ERROR: 1612"]
    assert module.at('AT+UDELFILE="none"') == ["+CME ERROR: 1612"]
    assert module.at('AT+ULSTFILE=2,"none"') == ["+CME ERROR: 1612"]
    assert write(module, "a|b", b"x") == ["+CME ERROR: 1638"]
    free = int(module.at("AT+ULSTFILE=1")[0].split()[1])
    if free < 5_000_000:
        assert module.at(f'AT+UDWNFILE="big",{free + 1}') == ["+CME ERROR: 1637"]
        assert module.at("AT+ULSTFILE=0") == ['+ULSTFILE: ""', "OK"]
    write(module, "p", b"x", "FOAT")
    assert module.at('AT+URDFILE="p","FOAT"') == ["+CME ERROR: 3"]
    assert module.at('AT+URDFILE="p","NOTAG"') == ["+CME ERROR: 50"]


def test_silence_after_the_prompt_ends_it_and_keeps_nothing(module: Any) -> None:
    module.at("AT+CMEE=1")
    module.uart.clear()
    module.send(b'AT+UDWNFILE="half",10\r')
    module.until(lambda: module.uart.endswith(b">"), 5)
    module.send(b"12345")
    module.until(lambda: b"+CME ERROR: 1649" in module.uart, 40)
    module.uart.clear()
    assert module.at("AT+ULSTFILE=0") == ['+ULSTFILE: ""', "OK"]


def test_files_survive_power_and_a_restore_deletes_them(driven: Callable[..., Any], series: Series,
                                                        tmp_path: Path) -> None:
    one = driven(series, timing=Timing.FAST, home=tmp_path / "home")
    one.ready()
    write(one, "kept", b"content")
    one.module.set_supply(0.0)
    one.run(0.1)
    again = driven(series, timing=Timing.FAST, home=tmp_path / "home")
    again.ready()
    assert content(again, "kept") == b"content"
    again.at("AT+UFACTORY=1,0")
    again.at("AT+CFUN=16")
    again.run(1)
    again.until(lambda: again.module.power.running, 60)
    again.wake()
    assert again.at("AT+ULSTFILE=0") == ['+ULSTFILE: ""', "OK"]


NAMES = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters='/*:%|"<>?'),
                min_size=1, max_size=248)


@given(st.dictionaries(NAMES, st.binary(max_size=60), max_size=6))
def test_any_name_and_content(tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes]) -> None:
    store = FileStore(tmp_path_factory.mktemp("store"), capacity=10_000, most=10, longest_name=248)
    for name, data in files.items():
        store.write(name, data)
    assert store.names() == tuple(sorted(files))
    assert {name: store.read(name) for name in store.names()} == files
    assert store.free() == 10_000 - sum(map(len, files.values()))


def test_limits_of_the_store(tmp_path: Path) -> None:
    store = FileStore(tmp_path, capacity=10, most=2, longest_name=5)
    store.write("a", b"12345678")
    with pytest.raises(FileRefusal) as refused:
        store.write("b", b"123")
    assert refused.value.trouble is FileTrouble.NO_ROOM
    store.write("a", b"1234567890")  # what is replaced makes room
    with pytest.raises(FileRefusal) as refused:
        store.write("a", b"1", append=True)
    assert refused.value.trouble is FileTrouble.NO_ROOM
    assert store.read("a") == b"1234567890"
    store.write("b", b"")
    with pytest.raises(FileRefusal) as refused:
        store.write("c", b"")
    assert refused.value.trouble is FileTrouble.TOO_MANY
    for name in ("", "123456", "a/b", "a\nb"):
        with pytest.raises(FileRefusal) as refused:
            store.write(name, b"")
        assert refused.value.trouble is FileTrouble.BAD_NAME
