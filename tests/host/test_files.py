"""The file system as Python calls, on a virtual module of each series."""

from __future__ import annotations

import secrets

import pytest

from cellbench.base.errors import OperatorError, UnitError
from cellbench.host.errors import CmeError
from cellbench.host.files import PIECE, BadFileName, FileDiffers, FileMissing, Files, NoRoom

from .rack import Module

ALL_BYTES = bytes(range(256))


@pytest.fixture
def files(module: Module) -> Files:
    return Files(module.channel)


def test_put_and_get_any_bytes(files: Files) -> None:
    data = ALL_BYTES + b'\r\nOK\r\n"ERROR"\r\n+UUHTTPCR: 0,1,1\r\n,"' + secrets.token_bytes(64)
    files.put("any.bin", data)
    assert files.get("any.bin") == data
    assert files.size("any.bin") == len(data)
    assert "any.bin" in files.list()
    files.delete("any.bin")
    assert not files.has("any.bin")
    assert "any.bin" not in files.list()


def test_an_older_file_is_replaced(files: Files) -> None:
    """+UDWNFILE appends: what was there is deleted first."""
    files.put("again.txt", b"a long older content")
    files.put("again.txt", b"new")
    assert files.get("again.txt") == b"new"
    files.delete("again.txt")


def test_a_long_file_goes_in_pieces_with_progress(files: Files) -> None:
    data = secrets.token_bytes(2 * PIECE + 100)
    up: list[tuple[int, int]] = []
    down: list[tuple[int, int]] = []
    files.put("long.bin", data, progress=lambda done, whole: up.append((done, whole)))
    assert files.get("long.bin", progress=lambda done, whole: down.append((done, whole))) == data
    assert up == down == [(PIECE, len(data)), (2 * PIECE, len(data)), (len(data), len(data))]
    free = files.free()
    files.delete("long.bin")
    assert files.free() >= free + len(data)


def test_a_missing_file_has_its_own_error(files: Files) -> None:
    for call in (files.get, files.size, files.delete):
        with pytest.raises(FileMissing) as caught:
            call("nobody.txt")
        assert caught.value.number in (1612, 1624)
        assert isinstance(caught.value, UnitError)
    files.delete("nobody.txt", missing_ok=True)


def test_a_full_file_system_leaves_nothing_half_written(files: Files) -> None:
    data = secrets.token_bytes(files.free() + PIECE)
    before, free = files.list(), files.free()
    with pytest.raises(NoRoom):
        files.put("too-long.bin", data)
    assert files.list() == before
    assert files.free() == free


def test_names_that_are_refused(files: Files) -> None:
    with pytest.raises((BadFileName, CmeError)):
        files.put("a/b?.txt", b"x")
    with pytest.raises(OperatorError, match="at least one byte"):
        files.put("empty.txt", b"")


def test_what_differs_is_found(files: Files, module: Module) -> None:
    files.put("changed.txt", b"0123456789")
    with pytest.raises(FileDiffers, match="first at 3"):
        files.check("changed.txt", b"012x456789")
    module.channel.send('AT+UDWNFILE="changed.txt",1', payload=b"!")
    with pytest.raises(FileDiffers, match="has 11 bytes"):
        files.check("changed.txt", b"0123456789")
    files.delete("changed.txt")


def test_packages_are_not_read(files: Files, module: Module) -> None:
    packages = Files(module.channel, "FOAT")
    packages.put("updatePackage.bin", b"package", check=False)
    assert packages.size("updatePackage.bin") == 7
    assert packages.list() == ("updatePackage.bin",)
    with pytest.raises(CmeError):
        packages.get("updatePackage.bin")
    packages.delete("updatePackage.bin")
