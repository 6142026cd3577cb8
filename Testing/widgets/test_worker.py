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
