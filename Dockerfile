# One image per service:  docker build --build-arg SERVICE=receiver --tag semlink-receiver .
FROM python:3.11-slim-bookworm AS python
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
RUN python -m venv /opt/python && /opt/python/bin/pip install --quiet --upgrade "pip>=26.3"
ENV PATH=/opt/semlink/bin:/opt/python/bin:$PATH

FROM python AS package
WORKDIR /source
COPY . .
RUN pip install --no-deps --target /opt/semlink .

FROM python
RUN useradd --system --uid 10001 --home-dir /tmp semlink
WORKDIR /opt/requirements
# Torch is most of every image: its layer is the same in all three.
# TORCH_INDEX is an extra package index that has the wanted build of it, CPU-only or for a CUDA.
ARG TORCH_INDEX=
COPY constraints.txt ./
RUN pip install --constraint constraints.txt ${TORCH_INDEX:+--extra-index-url "$TORCH_INDEX"} torch
# The dependencies alone: this layer outlives every change of the sources.
ARG SERVICE
COPY pyproject.toml LICENSE ./
RUN touch README.md && pip install --only-deps --constraint constraints.txt \
    ".[${SERVICE:?is transmitter, channel or receiver}]"
COPY --from=package /opt/semlink /opt/semlink
# Each container has an address of its own, so every service listens on the same port.
ENV SERVICE=${SERVICE} PYTHONPATH=/opt/semlink PYTHONUNBUFFERED=1 HOME=/tmp \
    SEMLINK_TRANSMITTER_HOST=0.0.0.0 SEMLINK_TRANSMITTER_PORT=50051 \
    SEMLINK_CHANNEL_HOST=0.0.0.0 SEMLINK_CHANNEL_PORT=50051 \
    SEMLINK_RECEIVER_HOST=0.0.0.0 SEMLINK_RECEIVER_PORT=50051
USER semlink
EXPOSE 50051
HEALTHCHECK --interval=10s --timeout=5s --start-period=2m --retries=3 \
    CMD ["python", "-m", "semlink.core.healthcheck", "127.0.0.1:50051"]
CMD exec "semlink-${SERVICE}"
