# One image for every process: `python -m worker`, `python -m gateway`, `python -m sandbox`, `shopstream …`.
FROM python:3.13-slim AS build
WORKDIR /app
COPY requirements/worker.txt requirements/worker.txt
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir --require-hashes -r requirements/worker.txt

FROM python:3.13-slim
RUN useradd --system --uid 10001 shopstream
WORKDIR /app
COPY --from=build /venv /venv
COPY shopstream shopstream
COPY worker worker
COPY jobs jobs
COPY gateway gateway
COPY config config
COPY sandbox sandbox
COPY shopstream_sandbox shopstream_sandbox
RUN printf '#!/bin/sh\nexec python -m shopstream.cli "$@"\n' > /usr/local/bin/shopstream \
    && chmod +x /usr/local/bin/shopstream
ENV PATH=/venv/bin:$PATH PYTHONPATH=/app PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
# Nothing writes bytecode at run time: without this each command would compile its modules anew.
RUN python -m compileall -q shopstream worker jobs gateway config sandbox shopstream_sandbox
USER shopstream
CMD ["python", "-m", "worker"]
