"""Sentences of many requests, spoken by a few threads.

Each is computed alone, on one thread, so that its samples do not depend on what else is
asked for: the rounding of a matrix product changes with the size of a batch. What waits
is taken by age, and the second sentence of a request is as old as the first of one that
came `ROUND` requests later, and so on: who has asked for a book does not keep the
others from their first sound, and gets on all the same.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import math
import threading
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any

from espnet_prodiff.errors import InputError, TextError, UserError
from espnet_prodiff.inference.streaming import Piece, stream
from espnet_prodiff.runtime.voice import Voice

ROUND = 8

Output = dict[str, Any]


class Busy(UserError):
    """The queue is full; ``seconds`` is when to ask again."""

    def __init__(self, waiting: int, seconds: int) -> None:
        super().__init__(
            f"{waiting} requests are waiting, which is all that this server keeps: ask "
            f"again in {seconds} s"
        )
        self.seconds = seconds


class TooSlow(UserError):
    """A sentence was not spoken in time."""


class Speech:
    """The sentences of one request, in order, each when it is ready.

    Attributes:
        cancelled: Whether nobody wants the rest.
    """

    def __init__(
        self,
        voice: Voice,
        pieces: Sequence[Piece],
        conf: dict[str, Any],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self.voice, self.pieces, self.conf, self.loop = voice, pieces, conf, loop
        self.futures: list[asyncio.Future] = [loop.create_future() for _ in pieces]
        self.cancelled = False
        self.left = len(pieces)

    async def outputs(
        self, timeout: float, gone: Callable[[], Any] | None = None
    ) -> AsyncGenerator[Output, None]:
        """Yield the outputs of ``Voice.stream``; whoever stops listening cancels.

        Args:
            timeout: Seconds to wait for each.
            gone: An async function that tells whether the client has hung up.

        Raises:
            InputError: A sentence cannot be spoken.
            TooSlow: One took too long.
        """
        try:
            for future in self.futures:
                end = time.monotonic() + timeout
                while not future.done():
                    if time.monotonic() > end:
                        raise TooSlow(
                            f"not spoken within {timeout:g} s: the server is busy"
                        )
                    await asyncio.wait([future], timeout=min(0.2, timeout))
                    if gone is not None and not future.done() and await gone():
                        return
                yield future.result()
        finally:
            self.cancelled = True

    def speak(self, number: int) -> None:
        """Speak a sentence on the calling thread and hand it to the loop."""
        try:
            output = next(stream(self.voice, [self.pieces[number]], self.conf))
        except (InputError, TextError) as error:
            where = f"sentence {number + 1} of {len(self.pieces)}: "
            message = where * (len(self.pieces) > 1) + str(error)
            self._tell(number, error=type(error)(message))
        except Exception as error:
            self._tell(number, error=error)
        else:
            self._tell(number, output=output)

    def _tell(
        self,
        number: int,
        output: Output | None = None,
        error: Exception | None = None,
    ) -> None:
        def tell() -> None:
            future = self.futures[number]
            if future.cancelled():
                return
            if error is None:
                future.set_result(output)
            else:
                future.set_exception(error)
                future.exception()  # nobody may be listening any more

        self.loop.call_soon_threadsafe(tell)


class Engine:
    """Threads that speak, and the queue before them.

    Args:
        workers: Threads.
        most: Requests that may wait or run.
    """

    def __init__(self, workers: int, most: int) -> None:
        self.workers, self.most = workers, most
        self._heap: list[tuple[int, int, int, Speech]] = []
        self._count = itertools.count()
        self._changed = threading.Condition()
        self._open: set[Speech] = set()
        self._seconds = 1.0  # that a request takes a thread, on average
        self._stopped = False
        self._threads = [
            threading.Thread(target=self._work, daemon=True) for _ in range(workers)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def waiting(self) -> int:
        """Requests that wait or are being spoken."""
        with self._changed:
            return sum(not speech.cancelled for speech in self._open)

    def check_room(self) -> None:
        """Refuse a request where there is no place for it (`Busy`)."""
        waiting = self.waiting
        if waiting >= self.most:
            seconds = math.ceil(waiting * self._seconds / self.workers)
            raise Busy(waiting, max(1, seconds))

    def submit(
        self,
        voice: Voice,
        pieces: Sequence[Piece],
        conf: dict[str, Any],
        loop: asyncio.AbstractEventLoop,
    ) -> Speech:
        """Put a request in the queue; ``loop`` is where its outputs are awaited.

        Raises:
            Busy: It is full.
        """
        self.check_room()
        speech = Speech(voice, pieces, conf, loop)
        with self._changed:
            self._open.add(speech)
            arrival = next(self._count)
            for number in range(len(pieces)):
                age = arrival + ROUND * number
                heapq.heappush(self._heap, (age, arrival, number, speech))
            self._changed.notify_all()
        return speech

    def stop(self) -> None:
        """End the threads; what waits is not spoken any more."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._heap and not self._stopped:
                    self._changed.wait()
                if self._stopped:
                    return
                _, _, number, speech = heapq.heappop(self._heap)
            start = time.monotonic()
            if not speech.cancelled:
                speech.speak(number)
            with self._changed:
                speech.left -= 1
                if not speech.left:
                    self._open.discard(speech)
                spent = (time.monotonic() - start) * len(speech.pieces)
                self._seconds += 0.1 * (spent - self._seconds)
