"""Locks between processes and users, in one directory for all."""

from __future__ import annotations

import os
import stat
import subprocess
import sys

import pytest

from cellbench.base.errors import RigError
from cellbench.guardian.errors import EquipmentHeld
from cellbench.guardian.locks import Lock, Owner, Use, file_name, open_shared, read_account
from cellbench.guardian.paths import lock_dir, runtime_dir

ME = Owner("ann", os.getpid(), "run-1", 1_795_000_000_000_000_000, "/run/ann")

HOLDER = """
import sys, time
from pathlib import Path
from cellbench.guardian.locks import Lock, Owner, Use
uses = (Use("slot-1", (2,), ((3, True),)),)
me = Owner("bob", 77, "run-of-bob", 1795000000000000000, "/run/bob", "PSU,1", uses)
lock = Lock.take(Path(sys.argv[1]), "visa:PSU1", "psu1", me)
print("held", flush=True)
time.sleep(600)
"""


@pytest.fixture
def locks(tmp_path):
    return lock_dir(tmp_path / "locks")


@pytest.fixture
def holder(locks):
    program = subprocess.Popen([sys.executable, "-c", HOLDER, str(locks)], stdout=subprocess.PIPE, text=True)
    assert program.stdout.readline() == "held\n"
    yield program
    program.kill()
    program.communicate()


def test_a_refusal_names_holder_and_time(locks, holder):
    said = r"psu1 \(visa:PSU1\) is held by user bob, pid 77, run run-of-bob, since 2026-"
    with pytest.raises(EquipmentHeld, match=said):
        Lock.take(locks, "visa:PSU1", "psu1", ME)


def test_a_dead_holders_lock_is_free_and_its_account_kept_until_seen_to(locks, holder):
    holder.kill()
    holder.wait()
    lock = Lock.take(locks, "visa:PSU1", "psu1", ME)
    assert lock.before is not None
    assert (lock.before.user, lock.before.uses) == ("bob", (Use("slot-1", (2,), ((3, True),)),))
    assert read_account(locks, "visa:PSU1").user == "ann"
    assert read_account(locks, "visa:PSU1").uses == lock.before.uses
    lock.release()
    assert read_account(locks, "visa:PSU1") is None


def test_a_program_started_meanwhile_does_not_keep_the_lock(locks):
    lock = Lock.take(locks, "k", "k", ME)
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], close_fds=False)
    try:
        lock.release()
        Lock.take(locks, "k", "k", ME).release()
    finally:
        child.kill()
        child.wait()


def test_a_copy_of_the_descriptor_does_not_keep_the_lock(locks):
    """What a program has between fork and exec."""
    lock = Lock.take(locks, "k", "k", ME)
    copy = os.dup(lock._descriptor)
    try:
        lock.release()
        Lock.take(locks, "k", "k", ME).release()
    finally:
        os.close(copy)


def test_files_and_directory_are_for_everybody_whatever_the_umask(tmp_path):
    before = os.umask(0o077)
    try:
        locks = lock_dir(tmp_path / "locks")
        lock = Lock.take(locks, "k", "k", ME)
    finally:
        os.umask(before)
    assert stat.S_IMODE(locks.stat().st_mode) == 0o1777
    assert stat.S_IMODE((locks / file_name("k", ".lock")).stat().st_mode) == 0o666
    lock.release()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can make another user's file")
def test_another_users_file_in_the_sticky_directory_can_be_locked(locks):
    path = locks / file_name("k", ".lock")
    os.close(open_shared(path))
    os.chown(path, 12345, 12345)
    Lock.take(locks, "k", "k", ME).release()
    assert path.stat().st_uid == 12345


def test_a_link_in_the_sticky_directory_is_not_followed(locks, tmp_path):
    target = tmp_path / "victim"
    target.write_text("mine")
    (locks / file_name("k", ".lock")).symlink_to(target)
    with pytest.raises(RigError, match="cannot be opened"):
        Lock.take(locks, "k", "k", ME)
    assert target.read_text() == "mine"


def test_different_keys_have_different_files():
    keys = ["tcp:a:1", "tcp_a_1", "TCP:A:1", "tcp:a:1 ", "x" * 300, "x" * 301, "ü", "../../etc/passwd"]
    names = {file_name(key, ".lock") for key in keys}
    assert len(names) == len(keys)
    assert all("/" not in name and len(name) < 120 for name in names)


def test_a_runtime_directory_must_be_the_users_own(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RigError):
        runtime_dir(tmp_path / "file")
    real = tmp_path / "real"
    real.mkdir(mode=0o755)
    assert stat.S_IMODE(runtime_dir(real).stat().st_mode) == 0o700
    (tmp_path / "link").symlink_to(real)
    with pytest.raises(RigError, match="not a directory of this user"):
        runtime_dir(tmp_path / "link")
