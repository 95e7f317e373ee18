"""Watches: a thread that sleeps until bytes come, and keeps out of the way while another reads."""

from __future__ import annotations

import os
import threading

import pytest

from cellbench.io.watch import DescriptorWatch, SliceWatch


@pytest.fixture
def pair():
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    yield reading, writing
    os.close(reading)
    os.close(writing)


def test_bytes_wake_it_once_until_it_is_armed_again(pair):
    reading, writing = pair
    watch = DescriptorWatch(reading)
    wakes: list[bool] = []
    woken = threading.Semaphore(0)

    def sleep() -> None:
        while watch.wait():
            wakes.append(True)
            woken.release()
        wakes.append(False)

    thread = threading.Thread(target=sleep)
    thread.start()
    os.write(writing, b"a")
    assert woken.acquire(timeout=2.0)
    os.write(writing, b"b")
    assert not woken.acquire(timeout=0.05)  # not armed: asleep although bytes wait
    watch.arm()
    assert woken.acquire(timeout=2.0)
    watch.arm()
    assert woken.acquire(timeout=2.0)
    os.read(reading, 10)
    watch.arm()
    watch.disarm()
    os.write(writing, b"c")
    assert not woken.acquire(timeout=0.05)
    watch.close()
    thread.join(2.0)
    watch.release()
    assert wakes == [True, True, True, False]


def test_a_descriptor_that_is_gone_does_no_harm(pair):
    reading, _ = pair
    watch = DescriptorWatch(os.dup(reading))
    os.close(watch._fd)
    watch.arm()
    watch.disarm()
    watch.close()
    assert watch.wait() is False
    watch.release()


def test_slices_for_pipes_without_descriptor():
    watch = SliceWatch()
    assert watch.slice_s > 0
    assert watch.wait()
    watch.disarm()
    woken = threading.Event()
    thread = threading.Thread(target=lambda: (watch.wait(), woken.set()))
    thread.start()
    assert not woken.wait(0.05)
    watch.arm()
    assert woken.wait(20.0)
    thread.join()
    watch.close()
    assert watch.wait() is False
