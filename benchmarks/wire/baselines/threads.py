"""The same with a session in each of 50 threads: what one does first when it is too slow."""

import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import orjson
import requests
from redis import Redis

from benchmarks.wire.baselines.job import Job
from benchmarks.wire.baselines.product import HEADERS, address, entries

THREADS = 50


def run(job: Job) -> None:
    threads = THREADS * job.times
    with Redis.from_url(job.redis, max_connections=threads) as redis, ThreadPoolExecutor(threads) as pool:
        redis.ping()
        products = _Shared(job.products)
        with job.measured():
            for done in [pool.submit(_work, job.url, redis, products) for _ in range(threads)]:
                done.result()


def _work(url: str, redis: Redis, products: Iterable[str]) -> None:
    with requests.Session() as session:
        session.headers.update(HEADERS)
        for product in products:
            answer = orjson.loads(session.get(address(url, product), timeout=20).content)
            for stream, fields in entries(answer):
                redis.xadd(stream, fields)


class _Shared:
    """An iterator that many threads take from."""

    def __init__(self, items: Iterable[str]) -> None:
        self._items = iter(items)
        self._lock = threading.Lock()

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        with self._lock:
            return next(self._items)
