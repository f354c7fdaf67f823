"""Work in threads ahead of whoever takes the results, in the order of what is given."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import torch

Given = TypeVar("Given")
Prepared = TypeVar("Prepared")
Done = TypeVar("Done")
READERS = 4  # threads that decode ahead


def in_order(
    items: Iterable[Given],
    prepare: Callable[[Given], Prepared],
    work: Callable[[list[Prepared]], list[Done]],
    *,
    batch: int,
    parallel: int,
) -> Iterator[Done]:
    """Prepare single items and work on batches of them, both in threads.

    Several batches are worked on at a time, each by one thread of torch's: on a CPU, networks for
    one picture each use the cores better than one network that divides its layers among them.

    Args:
        items: what to work on, however many; a few batches are taken ahead.
        prepare: is called for each item.
        work: is called for each batch; its results are one or several, in order.
        batch: the number of items in a batch; the last one may have fewer.
        parallel: the number of batches worked on at the same time.

    Yields:
        The results in the order of the items.
    """
    threads = torch.get_num_threads()
    own = 1 if parallel > 1 else threads
    readers = ThreadPoolExecutor(READERS)
    workers = ThreadPoolExecutor(parallel, initializer=torch.set_num_threads, initargs=(own,))

    def begin(group: list[Future[Prepared]]) -> Future[list[Done]]:
        return workers.submit(lambda: work([future.result() for future in group]))

    begun: deque[Future[list[Done]]] = deque()
    group: list[Future[Prepared]] = []
    try:
        for item in items:
            group.append(readers.submit(prepare, item))
            if len(group) == batch:
                begun.append(begin(group))
                group = []
            while len(begun) > parallel + 1 or (begun and begun[0].done()):
                yield from begun.popleft().result()
        if group:
            begun.append(begin(group))
        while begun:
            yield from begun.popleft().result()
    finally:  # whoever stops listening need not wait for what was begun ahead
        workers.shutdown(cancel_futures=True)
        readers.shutdown(cancel_futures=True)
        torch.set_num_threads(threads)  # torch gives a thread that is new the last number set
