"""Clocks and executors: virtual time is exact and deterministic, threads are real."""

import signal
import threading
import time

import pytest

from bbq.engine.clock import RealClock, ThreadExecutor, VirtualClock, VirtualExecutor


def test_a_call_on_the_virtual_clock_ends_when_its_time_has_passed():
    clock = VirtualClock(start=100.0)
    executor = VirtualExecutor(clock)
    inside = []

    def call(seconds):
        clock.spend(seconds)
        inside.append(clock.now())
        return seconds

    executor.submit("slow", lambda: call(5.0))
    executor.submit("quick", lambda: call(2.0))
    assert inside == [105.0, 102.0], "both start now"
    assert clock.now() == 100.0
    assert [(c.token, c.value) for c in executor.wait(None)] == [("quick", 2.0)]
    assert clock.now() == 102.0
    assert executor.wait(104.0) == [] and clock.now() == 104.0
    assert [c.token for c in executor.wait(200.0)] == ["slow"]
    assert clock.now() == 105.0
    assert executor.wait(None) == []
    assert executor.wait(200.0) == [] and clock.now() == 200.0


def test_calls_of_one_moment_end_together_in_the_order_of_their_start():
    clock = VirtualClock()
    executor = VirtualExecutor(clock)
    for token in "abc":
        executor.submit(token, lambda: clock.spend(1.0))
    assert [c.token for c in executor.wait(None)] == ["a", "b", "c"]


def test_the_virtual_clock_does_not_go_back():
    clock = VirtualClock(start=10.0)
    clock.advance_to(5.0)
    assert clock.now() == 10.0
    with pytest.raises(ValueError):
        clock.spend(-1.0)


@pytest.mark.parametrize("make", [lambda: VirtualExecutor(VirtualClock()), lambda: ThreadExecutor(2)])
def test_what_a_call_raises_comes_out_as_its_error(make):
    executor = make()
    executor.submit("x", lambda: 1 / 0)
    (completion,) = executor.wait(None)
    assert isinstance(completion.error, ZeroDivisionError)
    executor.close()


def test_calls_run_side_by_side_in_threads():
    executor = ThreadExecutor(3)
    barrier = threading.Barrier(3, timeout=30)  # passes only when all three run at once
    for token in range(3):
        executor.submit(token, barrier.wait)
    found = set()
    while len(found) < 3:
        found |= {c.token for c in executor.wait(None) if c.error is None}
    executor.close()


def test_a_wait_for_a_thread_ends_at_its_limit():
    clock, executor, gate = RealClock(), ThreadExecutor(1), threading.Event()
    executor.submit("x", gate.wait)
    assert executor.wait(clock.monotonic() + 0.01) == []
    gate.set()
    assert [c.token for c in executor.wait(None)] == ["x"]
    executor.close()


def test_a_wake_ends_a_wait_from_another_thread():
    executor, gate = ThreadExecutor(1), threading.Event()
    executor.submit("x", gate.wait)
    threading.Thread(target=executor.wake).start()
    assert executor.wait(time.monotonic() + 30) == []
    gate.set()
    executor.close()


def test_a_wake_ends_a_wait_from_a_signal_handler():
    executor, gate = ThreadExecutor(1), threading.Event()
    executor.submit("x", gate.wait)
    before = signal.signal(signal.SIGALRM, lambda number, frame: executor.wake())
    signal.setitimer(signal.ITIMER_REAL, 0.01)
    try:
        assert executor.wait(time.monotonic() + 30) == []
        assert not gate.is_set()
    finally:
        signal.signal(signal.SIGALRM, before)
        gate.set()
        executor.close()


def test_threads_are_made_as_they_are_needed():
    executor = ThreadExecutor(1000)
    before = threading.active_count()
    for _ in range(50):
        executor.submit("x", lambda: None)
        while not executor.wait(None):
            pass
    assert threading.active_count() <= before + 1
    executor.close()
