"""One thread for the network. No Qt here: the owner calls `deliver` from a timer in the main thread."""

from __future__ import annotations

import queue
import threading
from typing import Callable, Dict, NamedTuple, Optional

Done = Callable[[Optional[Exception]], None]
# What a user waits for comes first. A new job takes the place of one of its kind that has not begun.
KINDS = ("mask", "volume", "preview", "ahead")


class Job(NamedTuple):
    """`work` runs in the thread, `done(error or None)` in the main thread unless `forgotten` is set."""

    kind: str
    work: Callable[[], object]
    done: Done
    forgotten: threading.Event


class Worker:
    """Runs one job at a time. All methods but `post` belong to the main thread; `on_submit` runs at each new job."""

    def __init__(self, on_submit: Callable[[], None] = lambda: None) -> None:
        self._on_submit = on_submit
        self._waiting: Dict[str, Job] = {}
        self._there_is_work = threading.Condition()
        self._results: "queue.SimpleQueue[Callable[[], None]]" = queue.SimpleQueue()
        self._thread: Optional[threading.Thread] = None
        self._running: Optional[Job] = None
        self._unread = 0
        self._stopped = False

    @property
    def is_busy(self) -> bool:
        """Whether there is something to wait for or to deliver."""
        with self._there_is_work:  # else a job that the thread is just taking over is neither waiting nor running
            return bool(self._waiting) or self._running is not None or self._unread > 0

    def submit(self, kind: str, work: Callable[[], object], done: Done) -> Callable[[], None]:
        """Do `work` as soon as it is its turn; returns a function that forgets it, whatever has become of it."""
        return self._enqueue(Job(kind, work, done, threading.Event()))

    def ahead(self, work: Callable[[threading.Event], object]) -> None:
        """Do `work` while there is nothing else to do; the event it gets is set when anything is submitted.

        Nobody waits for it, so its errors are dropped: the same work meets them again when it is asked for.
        """
        cancel = threading.Event()
        self._enqueue(Job("ahead", lambda: work(cancel), lambda error: None, cancel))

    def _enqueue(self, job: Job) -> Callable[[], None]:
        with self._there_is_work:
            if self._stopped:
                return job.forgotten.set
            if self._running is not None and self._running.kind == "ahead":
                self._running.forgotten.set()
            self._waiting[job.kind] = job
            self._there_is_work.notify()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="Fast3DSAM", daemon=True)
            self._thread.start()
        self._on_submit()
        return job.forgotten.set

    def post(self, call: Callable[[], None]) -> None:
        """From the thread: let the main thread do `call`."""
        with self._there_is_work:
            self._unread += 1
        self._results.put(call)

    def deliver(self, patience: float = 0.0) -> None:
        """Do in the main thread what has come in; wait up to `patience` seconds for the first.

        The wait lends the interpreter to the thread: an embedded interpreter may not do so while Qt is idle.
        """
        wait = patience
        while True:
            try:
                call = self._results.get(timeout=wait) if wait > 0 else self._results.get_nowait()
            except queue.Empty:
                return
            wait = 0.0
            with self._there_is_work:
                self._unread -= 1
            call()

    def stop(self, patience: float = 10.0) -> bool:
        """Forget all jobs and let the thread end; True if it has. Nothing is delivered afterwards."""
        with self._there_is_work:
            self._stopped = True
            for job in (*self._waiting.values(), self._running):
                if job is not None:
                    job.forgotten.set()
            self._waiting.clear()
            self._there_is_work.notify()
        if self._thread is not None:
            self._thread.join(patience)
        self._results, self._unread = queue.SimpleQueue(), 0
        return self._thread is None or not self._thread.is_alive()

    def _run(self) -> None:
        while True:
            with self._there_is_work:
                self._running = None
                while not self._waiting and not self._stopped:
                    self._there_is_work.wait()
                if self._stopped:
                    return
                kind = next(kind for kind in KINDS if kind in self._waiting)
                job = self._running = self._waiting.pop(kind)
            if job.forgotten.is_set():
                continue
            error: Optional[Exception] = None
            try:
                job.work()
            except Exception as caught:  # whatever it is, the main thread must hear of it
                error = caught
            self.post(lambda job=job, error=error: None if job.forgotten.is_set() else job.done(error))
