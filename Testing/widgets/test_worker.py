"""The thread for the network, without Qt."""

import threading

from Fast3DSAM.Widgets.worker import Worker


def test_a_click_does_not_wait_for_tiles_that_nobody_asked_for():
    worker, entered, seen = Worker(), threading.Event(), []

    def ahead(cancel):
        entered.set()
        seen.append(cancel.wait(30))

    worker.ahead(ahead)
    assert entered.wait(30)
    worker.submit("mask", lambda: seen.append("mask"), lambda error: seen.append(error))
    worker.deliver(patience=30)
    while worker.is_busy:
        worker.deliver(patience=0.05)
    assert seen == [True, "mask", None] and worker.stop()


def test_a_job_that_is_just_being_begun_counts_as_busy():
    """Else the timer that delivers results stops in that moment, and the result never comes."""
    worker, taken, go_on, seen = Worker(), threading.Event(), threading.Event(), []

    class Slow(dict):
        def pop(self, kind):
            job = super().pop(kind)
            taken.set()
            assert go_on.wait(30)
            return job

    worker._waiting = Slow()
    worker.submit("mask", lambda: None, seen.append)
    assert taken.wait(30)
    threading.Timer(0.1, go_on.set).start()
    assert worker.is_busy
    while worker.is_busy:
        worker.deliver(patience=0.05)
    assert seen == [None] and worker.stop()
