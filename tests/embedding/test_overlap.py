"""Tests of work beside the main thread: in order, bounded, and every error surfaces."""

import threading
import time

import pytest

from rapids_rap.embedding.overlap import BackgroundQueue, one_ahead
from rapids_rap.errors import Stopped

PATIENCE = 10  # seconds until a test gives up


def until(condition):
    """Wait for another thread; fail rather than hang."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_results_come_in_order_and_one_ahead():
    """The next is made while this one is used, and no more: that is the bound on memory."""
    made = []
    with one_ahead(lambda i: made.append(i) or i * i, range(6)) as results:
        for i, result in enumerate(results):
            assert result == i * i
            until(lambda i=i: made == list(range(min(i + 2, 6))))
    with one_ahead(str, []) as results:
        assert list(results) == []


def test_another_thread_makes_them():
    """Otherwise nothing would overlap."""
    with one_ahead(lambda i: threading.get_ident(), [1]) as results:
        assert list(results) != [threading.get_ident()]


def test_an_error_while_making_surfaces_where_its_result_is_due():
    """The results before it are not lost."""
    seen = []
    with pytest.raises(ZeroDivisionError), one_ahead(lambda i: 6 // i, [3, 2, 0, 1]) as results:
        seen.extend(results)
    assert seen == [2, 3]


@pytest.mark.parametrize("error", [Stopped(15), ValueError()], ids=["signal", "error"])
def test_the_main_thread_may_leave_at_any_time(error):
    """A signal ends the maker after the item it is at, and passes on."""
    made = []

    def leave():
        with one_ahead(made.append, range(1000)) as results:
            next(results)
            raise error

    with pytest.raises(type(error)):
        leave()
    count = len(made)
    assert count <= 3
    time.sleep(0.02)
    assert len(made) == count


def test_jobs_are_done_in_order_and_all_at_the_end():
    """Leaving the context normally means that everything is on disk."""
    done = []
    with BackgroundQueue(2) as behind:
        for i in range(20):
            behind.put(lambda i=i: (time.sleep(0.001), done.append(i)))
    assert done == list(range(20))


def test_put_waits_when_too_many_are_unfinished():
    """What waits is bounded: memory, and what a kill can cost."""
    gate, done = threading.Event(), []
    with BackgroundQueue(2) as behind:

        def fill():
            for i in range(3):
                behind.put(lambda i=i: (gate.wait(PATIENCE), done.append(i)))

        writer = threading.Thread(target=fill)
        writer.start()
        writer.join(0.05)
        assert writer.is_alive()  # the third has to wait for the first
        gate.set()
        writer.join(PATIENCE)
        assert not writer.is_alive()
    assert done == [0, 1, 2]


def test_the_first_failure_surfaces_and_nothing_is_done_after_it():
    """A full disk must not be written to again, and must not be lost in a thread."""
    done = []

    def fail():
        raise ValueError("disk full")

    def work():
        with BackgroundQueue(2) as behind:
            behind.put(lambda: done.append("before"))
            behind.put(fail)
            for _ in range(9):
                behind.put(lambda: done.append("after"))
            pytest.fail("an error of a job surfaces at a later put")

    with pytest.raises(ValueError, match="disk full"):
        work()
    assert done == ["before"]


def test_a_failure_of_the_last_job_surfaces_at_the_end():
    """No later put will tell."""

    def stop():
        raise KeyboardInterrupt  # not an Exception

    with pytest.raises(KeyboardInterrupt), BackgroundQueue(3) as behind:
        behind.put(stop)


def test_a_signal_drops_what_waits_and_finishes_what_runs():
    """The file that is being written is finished; the signal passes on, not the thread's error."""
    running, gate, done = threading.Event(), threading.Event(), []

    def first():
        running.set()
        gate.wait(PATIENCE)
        done.append(1)
        raise OSError

    def work():
        with BackgroundQueue(3) as behind:
            behind.put(first)
            behind.put(lambda: done.append(2))
            running.wait(PATIENCE)
            threading.Timer(0.02, gate.set).start()
            raise Stopped(15)

    with pytest.raises(Stopped):
        work()
    assert done == [1]
