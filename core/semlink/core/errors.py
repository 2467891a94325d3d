"""What can go wrong for a user, and the one table that says how each border reports it.

    SemlinkError
    ├── InvalidInput          a setting or an argument is wrong
    │   ├── UnsupportedMedia  the upload is not a picture that we read
    │   └── TooLarge          the upload or the picture exceeds a limit
    ├── NotFound              a model, file or transmission of that name does not exist
    ├── CorruptData           a frame, header, capture or weights file is damaged
    ├── PictureLost           the radio lost what the picture cannot be made without
    ├── Busy                  the queue is full; the same request works later
    ├── Unavailable           a service of the link cannot be reached, or is still loading
    ├── DeadlineExceeded      the time that the caller granted is over
    ├── Cancelled             the caller went away
    └── InternalError         a defect of ours

Every error can say which field, what value it had, and the cure.
"""

from __future__ import annotations

from typing import NamedTuple


class SemlinkError(Exception):
    """Root of the tree.

    Args:
        message: what went wrong, in one sentence.
        field: the setting, argument or file that is at fault.
        value: what it was, shortened by whoever raises.
        cure: what to do about it, in one sentence.
    """

    def __init__(self, message: str, *, field: str = "", value: object = "", cure: str = ""):
        super().__init__(message)
        self.message = message
        self.field = field
        self.value = str(value)
        self.cure = cure

    def __str__(self) -> str:
        subject = f"{self.field}={self.value}: " if self.field and self.value else ""
        if self.field and not self.value:
            subject = f"{self.field}: "
        return f"{subject}{self.message}" + (f" {self.cure}" if self.cure else "")


class InvalidInput(SemlinkError):
    """A setting or an argument is outside what is allowed."""


class UnsupportedMedia(InvalidInput):
    """The bytes are not a picture in a format that we read."""


class TooLarge(InvalidInput):
    """An upload has too many bytes, or a picture too many pixels."""


class NotFound(SemlinkError):
    """Nothing of that name exists."""


class CorruptData(SemlinkError):
    """Bytes that should follow one of our formats do not."""


class PictureLost(SemlinkError):
    """The transmission ended in order, and the radio lost too much for a picture."""


class Busy(SemlinkError):
    """The queue is full."""


class Unavailable(SemlinkError):
    """A service cannot be reached or has not loaded its networks yet."""


class DeadlineExceeded(SemlinkError):
    """The caller's deadline passed before the work was done."""


class Cancelled(SemlinkError):
    """The caller cancelled the call or hung up."""


class InternalError(SemlinkError):
    """A defect of ours; the log of the service has the details."""


class Status(NamedTuple):
    """How an error leaves the program."""

    grpc: str  # name of a grpc.StatusCode
    http: int
    exit: int  # of the command line


STATUS: dict[type[SemlinkError], Status] = {
    SemlinkError: Status("UNKNOWN", 500, 1),
    InvalidInput: Status("INVALID_ARGUMENT", 422, 2),
    UnsupportedMedia: Status("INVALID_ARGUMENT", 415, 2),
    TooLarge: Status("INVALID_ARGUMENT", 413, 2),
    NotFound: Status("NOT_FOUND", 404, 2),
    CorruptData: Status("DATA_LOSS", 400, 2),
    PictureLost: Status("ABORTED", 424, 5),
    Busy: Status("RESOURCE_EXHAUSTED", 429, 3),
    Unavailable: Status("UNAVAILABLE", 503, 3),
    DeadlineExceeded: Status("DEADLINE_EXCEEDED", 504, 4),
    Cancelled: Status("CANCELLED", 499, 130),
    InternalError: Status("INTERNAL", 500, 1),
}

BY_NAME: dict[str, type[SemlinkError]] = {error.__name__: error for error in STATUS}

# What a bare gRPC status means when no error of ours is attached: the runtime made it.
BY_GRPC: dict[str, type[SemlinkError]] = {
    "INVALID_ARGUMENT": InvalidInput,
    "NOT_FOUND": NotFound,
    "DATA_LOSS": CorruptData,
    "ABORTED": PictureLost,
    "RESOURCE_EXHAUSTED": Busy,
    "UNAVAILABLE": Unavailable,
    "DEADLINE_EXCEEDED": DeadlineExceeded,
    "CANCELLED": Cancelled,
}
