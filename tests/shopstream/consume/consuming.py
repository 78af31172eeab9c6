"""A consumer as a service would run it, which writes down when it handled what: `… URL LOG OPTIONS`."""

import asyncio
import json
import os
import signal
import sys
import time
from typing import Any

from shopstream import EventConsumer


async def main(redis_url: str, log: str, pause: float = 0.0, dies_of: str = "", **options: Any) -> None:
    file = os.open(log, os.O_CREAT | os.O_APPEND | os.O_WRONLY)

    def write(what: str, **more: Any) -> None:
        # One write, so that a kill leaves a whole line or none. The clock is the same for all processes.
        line = {"what": what, "at": time.clock_gettime(time.CLOCK_MONOTONIC), "pid": os.getpid(), **more}
        os.write(file, json.dumps(line).encode() + b"\n")

    async with EventConsumer(redis_url, stream="stock", handle_signals=True, **options) as consumer:
        write("ready")
        async for event in consumer:
            record = {"id": event.id, "subject": event.subject, "seq": event.seq, "deliveries": event.deliveries}
            write("begin", **record)
            if event.id == dies_of:
                os.kill(os.getpid(), signal.SIGKILL)
            await asyncio.sleep(pause)
            write("end", **record)
            await event.ack()
    write("left")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], **json.loads(sys.argv[3])))
