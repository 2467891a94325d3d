# One image per service:  docker build --build-arg SERVICE=receiver --tag semlink-receiver .
FROM python:3.11-slim-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
RUN python -m venv /opt/python && /opt/python/bin/pip install --quiet --upgrade "pip>=26.3"
WORKDIR /source
ARG SERVICE
# An extra package index that has the wanted build of torch, CPU-only or for one CUDA version.
ARG TORCH_INDEX=
# The dependencies alone: this layer outlives every change of the sources.
COPY pyproject.toml constraints.txt LICENSE ./
RUN touch README.md && /opt/python/bin/pip install --only-deps --constraint constraints.txt \
    ${TORCH_INDEX:+--extra-index-url "$TORCH_INDEX"} ".[${SERVICE:?is transmitter, channel or receiver}]"
COPY . .
RUN /opt/python/bin/pip install --no-deps --target /opt/semlink .

FROM python:3.11-slim-bookworm
RUN useradd --system --uid 10001 --home-dir /tmp semlink
# Each container has an address of its own, so every service listens on the same port.
ENV PATH=/opt/semlink/bin:/opt/python/bin:$PATH PYTHONPATH=/opt/semlink \
    PYTHONUNBUFFERED=1 HOME=/tmp \
    SEMLINK_TRANSMITTER_HOST=0.0.0.0 SEMLINK_TRANSMITTER_PORT=50051 \
    SEMLINK_CHANNEL_HOST=0.0.0.0 SEMLINK_CHANNEL_PORT=50051 \
    SEMLINK_RECEIVER_HOST=0.0.0.0 SEMLINK_RECEIVER_PORT=50051
COPY --from=build /opt/python /opt/python
COPY --from=build /opt/semlink /opt/semlink
ARG SERVICE
ENV SERVICE=${SERVICE}
USER semlink
EXPOSE 50051
HEALTHCHECK --interval=10s --timeout=5s --start-period=2m --retries=3 \
    CMD ["python", "-m", "semlink.core.healthcheck", "127.0.0.1:50051"]
CMD exec "semlink-${SERVICE}"
