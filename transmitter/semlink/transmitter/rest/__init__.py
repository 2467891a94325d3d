"""The transmitter's REST interface."""

from semlink.transmitter.rest.app import create_app
from semlink.transmitter.rest.server import open_rest

__all__ = ["create_app", "open_rest"]
