"""Asks a service whether it is ready: exit status 0 if it says SERVING, 1 otherwise.

    python -m semlink.core.healthcheck HOST:PORT

What a container's health check runs; it imports no network and no codec.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

TIMEOUT_S = 3.0
OPTIONS = (("grpc.enable_http_proxy", 0),)


def health_of(address: str, timeout_s: float = TIMEOUT_S) -> str:
    """What the server at HOST:PORT says of itself, by the gRPC health protocol.

    Returns:
        SERVING, NOT_SERVING, or the gRPC status of the failed call, as in UNAVAILABLE.
    """
    request = health_pb2.HealthCheckRequest()
    with grpc.insecure_channel(address, options=OPTIONS) as channel:
        try:
            response = health_pb2_grpc.HealthStub(channel).Check(request, timeout=timeout_s)
        except grpc.RpcError as error:
            return str(error.code().name)
    return str(health_pb2.HealthCheckResponse.ServingStatus.Name(response.status))


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status; one line says what was found."""
    given = sys.argv[1:] if arguments is None else arguments
    if len(given) != 1:
        sys.stderr.write("usage: python -m semlink.core.healthcheck HOST:PORT\n")
        return 1
    status = health_of(given[0])
    sys.stdout.write(f"{given[0]} is {status}\n")
    return 0 if status == "SERVING" else 1


if __name__ == "__main__":
    raise SystemExit(main())
