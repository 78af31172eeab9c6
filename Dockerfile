# One image for every process: `python -m worker`, `python -m gateway`, `python -m sandbox`, `shopstream …`.
#   docker build --build-arg VERSION=1.2.3 --build-arg REVISION="$(git rev-parse HEAD)" --tag shopstream:1.2.3 .
#
# The base is pinned by the digest of all its platforms: Python 3.13.15 on Debian 13.6. To renew it, look up the digest
# that the tag has today, put it here, and run `make image`:
#   docker buildx imagetools inspect docker.io/library/python:3.13-slim-trixie
ARG PYTHON_IMAGE=docker.io/library/python:3.13-slim-trixie@sha256:9d2e5553305c7c7b0097999bb17187c69b921ccd6bc9d40e4bb5ebe652c00285

FROM ${PYTHON_IMAGE} AS build
# A base whose Python was compiled without profiles would cost processor time at every call, and nobody would see why.
# A Python that was optimized by another way, as Debian's own, has another flag in its configuration.
ARG PYTHON_BUILT_WITH=--enable-optimizations
RUN python -c "import sys, sysconfig; flags = sysconfig.get_config_var('CONFIG_ARGS') or ''; \
    sys.exit('${PYTHON_BUILT_WITH}' not in flags and 'Python was not built with ${PYTHON_BUILT_WITH}')"
WORKDIR /build
COPY requirements/worker.txt requirements/sbom.txt requirements/
RUN python -m venv /tools \
    && /tools/bin/pip install --no-cache-dir --no-compile --require-hashes -r requirements/sbom.txt
# The pip of /tools works on /venv from outside, so the image has none. Tests of packages are never imported.
RUN python -m venv --without-pip /venv \
    && /tools/bin/pip --python /venv/bin/python install --no-cache-dir --no-compile --require-hashes \
        -r requirements/worker.txt \
    && find /venv/lib -type d \( -name tests -o -name test \) -prune -exec rm -rf {} +

WORKDIR /app
COPY shopstream shopstream
COPY worker worker
COPY jobs jobs
COPY gateway gateway
COPY config config
COPY sandbox sandbox
COPY shopstream_sandbox shopstream_sandbox
COPY deploy/image/shopstream deploy/image/healthcheck /venv/bin/
COPY deploy/image/write_version.py /build/
COPY LICENSE /doc/
ARG VERSION=0.0.0.dev0
RUN /venv/bin/python /build/write_version.py "${VERSION}" \
    && /tools/bin/cyclonedx-py environment --output-reproducible --output-format JSON \
        --output-file /doc/sbom.cdx.json /venv/bin/python
# Nothing writes bytecode at run time: without this each command would compile its modules anew. The files never change
# again, so Python need not compare them. The last line makes files readable whose checkout was not.
RUN python -m compileall -q -j 0 --invalidation-mode unchecked-hash /app /venv/lib \
    && chmod -R a+rX /app /venv /doc

FROM ${PYTHON_IMAGE}
# Without pip nobody who gets in has a tool to fetch more. Numbers, so that Kubernetes sees that it is not root.
RUN rm -rf "$(python -c 'import ensurepip; print(ensurepip.__path__[0])')" \
        /usr/local/bin/pip* /usr/local/lib/python3*/site-packages/pip* \
    && groupadd --system --gid 10001 shopstream \
    && useradd --system --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent \
        --shell /usr/sbin/nologin shopstream
WORKDIR /app
COPY --from=build /venv /venv
COPY --from=build /app /app
COPY --from=build /doc /usr/share/doc/shopstream
ENV PATH=/venv/bin:$PATH PYTHONPATH=/app PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOME=/nonexistent
ARG VERSION=0.0.0.dev0
ARG REVISION=unknown
ARG SOURCE=unknown
LABEL org.opencontainers.image.title="shopstream" \
      org.opencontainers.image.description="TikTok Shops as event streams in Redis: worker, gateway, sandbox, command" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
USER 10001:10001
CMD ["python", "-m", "worker"]
