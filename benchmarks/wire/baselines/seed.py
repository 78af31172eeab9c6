"""The way of the notebook that this project began with: `requests.get`, one product after another, XADD by XADD."""

import requests
from redis import Redis

from benchmarks.wire.baselines.job import Job
from benchmarks.wire.baselines.product import HEADERS, address, entries


def run(job: Job) -> None:
    with Redis.from_url(job.redis) as redis:
        redis.ping()
        with job.measured():
            for product in job.products:
                answer = requests.get(address(job.url, product), headers=HEADERS, timeout=20).json()
                for stream, fields in entries(answer):
                    redis.xadd(stream, fields)
