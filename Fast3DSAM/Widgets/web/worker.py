"""Threads of one tab that report back to the event loop: one for masks, one for volumes."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Callable, Optional, Set, Tuple

Work = Callable[[], object]
Done = Callable[[Optional[Exception]], None]
Forget = Callable[[], None]


class TabWorker:
    """A `Background` for masks. Previews give way to masks, and only the newest preview is worked on.

    All methods but `post` belong to the event loop's thread; so does every `done(error or None)`.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._masks = ThreadPoolExecutor(1, thread_name_prefix="fast3dsam-mask")
        self._volumes = ThreadPoolExecutor(1, thread_name_prefix="fast3dsam-volume")
        self._preview: Optional[Tuple[Work, Done]] = None
        self._pending_masks = 0
        self._is_previewing = False
        self._closed = False
        self._jobs: Set[Future] = set()

    def run(self, job: Work, done: Done) -> Forget:
        """Compute a mask."""
        self._pending_masks += 1
        forgotten = threading.Event()

        def finished(error: Optional[Exception]) -> None:
            self._pending_masks -= 1
            if not forgotten.is_set():
                done(error)
            self._next_preview()

        self._submit(self._masks, job, finished, forgotten)
        return forgotten.set

    def volume(self, job: Work, done: Done) -> Forget:
        """Read or embed a volume; masks need not wait for it."""
        forgotten = threading.Event()
        self._submit(self._volumes, job, lambda error: None if forgotten.is_set() else done(error), forgotten)
        return forgotten.set

    def preview(self, job: Work, done: Done) -> None:
        """Compute a preview when nothing else waits, unless a newer one is asked for meanwhile."""
        self._preview = (job, done)
        self._next_preview()

    def drop_preview(self) -> None:
        """Forget the preview that has not begun."""
        self._preview = None

    def post(self, call: Callable[[], None]) -> None:
        """From any thread: let the event loop do `call`."""
        if not self._closed:
            self._loop.call_soon_threadsafe(lambda: None if self._closed else call())

    def close(self) -> None:
        """Nothing is delivered any more; see `ended` for what runs in a thread."""
        self._closed = True
        self._preview = None
        self._masks.shutdown(wait=False, cancel_futures=True)
        self._volumes.shutdown(wait=False, cancel_futures=True)

    async def ended(self, seconds: float) -> bool:
        """Wait until the threads have ended; whether they have. After `close`.

        What they still hold would else be freed by them, at a time and in a thread where views cannot be freed.
        """
        jobs = [asyncio.wrap_future(job) for job in list(self._jobs) if not job.done()]
        return not jobs or not (await asyncio.wait(jobs, timeout=seconds))[1]

    def _next_preview(self) -> None:
        if self._preview is None or self._pending_masks or self._is_previewing or self._closed:
            return
        (job, done), self._preview = self._preview, None
        self._is_previewing = True

        def finished(error: Optional[Exception]) -> None:
            self._is_previewing = False
            done(error)
            self._next_preview()

        self._submit(self._masks, job, finished, threading.Event())

    def _submit(self, pool: ThreadPoolExecutor, job: Work, done: Done, forgotten: threading.Event) -> None:
        if self._closed:
            return

        def work() -> None:
            error: Optional[Exception] = None
            try:
                if not forgotten.is_set():
                    job()
            except Exception as caught:  # whatever it is, the one who asked must hear of it
                error = caught
            self.post(lambda: done(error))

        future = pool.submit(work)
        self._jobs.add(future)
        future.add_done_callback(self._jobs.discard)
