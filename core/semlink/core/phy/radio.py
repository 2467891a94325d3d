"""What the settings of a transmission say of its physical layer, and what it may cost."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from semlink.core.choices import Preset
from semlink.core.errors import InvalidInput
from semlink.core.phy.grid import ResourceGrid
from semlink.core.phy.layouts import MAX_PAYLOAD_BYTES, CodedLayout, coded_layout
from semlink.core.phy.mcs import HEADER_MCS, MCS, Mcs, mcs_named, protection
from semlink.core.pictures import Size
from semlink.core.settings import TransmissionSettings
from semlink.core.varint import BITS, MOST_BYTES, varint_bytes

HEADER = "header"  # name of the stream that carries it


@dataclass(frozen=True)
class Radio:
    """How messages are put on the air. At most one of the two budgets is set.

    Attributes:
        grid: of all streams; None for symbols in mere sequence.
        asked: modulation and coding schemes that the user wants, see `phy.mcs.protection`.
        free_header: the header takes no channel uses and is never lost, as in the publications;
            its bytes count all the same.
        most_bytes: budget for header, control information and payloads; None for no limit.
        granted_uses: budget in channel uses, header and pilots included; None for no limit.
        pixels: of the working picture, by which budgets are stated to the user; 0 if unknown.
    """

    grid: ResourceGrid | None = None
    asked: Mapping[str, Mcs] = field(default_factory=dict)
    free_header: bool = False
    most_bytes: int | None = None
    granted_uses: int | None = None
    pixels: int = 0

    @classmethod
    def of(cls, settings: TransmissionSettings, working: Size) -> Radio:
        """The radio of a transmission, whose budget is per pixel of the working picture."""
        bits = None if settings.bpp is None else settings.bpp * working.pixels
        uses = None if settings.cpp is None else settings.cpp * working.pixels
        return cls(
            grid=settings.grid,
            asked=protection(settings.mcs),
            free_header=settings.preset is Preset.PAPER,
            most_bytes=None if bits is None else math.floor(bits / 8),
            granted_uses=None if uses is None else math.floor(uses),
            pixels=working.pixels,
        )

    @property
    def has_budget(self) -> bool:
        """Whether there is a limit of either kind."""
        return self.most_bytes is not None or self.granted_uses is not None

    def mcs(self, payload: str, default: str) -> str:
        """Name of the scheme that protects a payload: the user's, or the default."""
        if payload == HEADER:
            asked = self.asked.get(HEADER)
        else:
            asked = self.asked.get(payload) or self.asked.get("")
        return asked.name if asked else default

    def control_bytes(self, payload_bytes: Iterable[int]) -> int:
        """Size of the control information of payloads of bits, by their sizes.

        One byte each says their code and number of blocks, one to four their length.
        """
        return 0 if self.free_header else sum(1 + varint_bytes(size) for size in payload_bytes)

    def header_layout(self, header_bytes: int, payload_bytes: Iterable[int]) -> CodedLayout | None:
        """Layout of the header with its control information; None if it is free.

        Args:
            header_bytes: size of the scheme's header.
            payload_bytes: sizes of the payloads of bits.

        Raises:
            InvalidInput: both are empty.
        """
        if self.free_header:
            return None
        total = header_bytes + self.control_bytes(payload_bytes)
        if not total:
            raise InvalidInput("a message of no header cannot be sent.", field="header")
        return coded_layout(total, self.mcs(HEADER, HEADER_MCS))

    def air_uses(self, data_uses: int) -> int:
        """Channel uses of so many data symbols of one stream, pilots included."""
        return self.grid.channel_uses(data_uses) if self.grid else data_uses

    def data_uses(self, air_uses: int) -> int:
        """The most data symbols of one stream in so many channel uses."""
        return self.grid.data_uses(air_uses) if self.grid else max(0, air_uses)

    def remaining_uses(
        self,
        header_bytes: int,
        ahead: Sequence[CodedLayout] = (),
        last_bytes: int | None = None,
    ) -> int | None:
        """Data symbols left for the last payload; None for no limit.

        Args:
            header_bytes: size of the scheme's header.
            ahead: layouts of the payloads before the last.
            last_bytes: size of the last, which the header says; None if it is of samples.
        """
        if self.granted_uses is None:
            return None
        sizes = [layout.payload_bytes for layout in ahead]
        header = self.header_layout(header_bytes, [*sizes, last_bytes] if last_bytes else sizes)
        taken = [header, *ahead] if header else list(ahead)
        uses = sum(self.air_uses(one.channel_uses) for one in taken)
        return self.data_uses(self.granted_uses - uses)

    def most_payload_bytes(self, header_bytes: int, mcs: str) -> int | None:
        """Size of the largest only payload that the budget allows; None for no limit.

        Args:
            header_bytes: size of the scheme's header.
            mcs: of the payload.

        Raises:
            InvalidInput: the header alone takes all of it.
        """
        most = self.most_last_payload_bytes(header_bytes, (), mcs)
        if most is not None and most < 1:
            raise impossible_budget("the header alone takes all of it.", self)
        return most

    def most_last_payload_bytes(
        self, header_bytes: int, ahead: Sequence[CodedLayout], mcs: str
    ) -> int | None:
        """Size of the largest last payload that the budget allows; None for no limit.

        Args:
            header_bytes: size of the scheme's header.
            ahead: layouts of the payloads before it.
            mcs: of the last.

        Returns:
            Bytes; less than 1 if the others take all of it.
        """
        if not self.has_budget:
            return None
        return max(
            min(longest, self._most_of_length(longest, header_bytes, ahead, mcs))
            for longest in ((1 << BITS * size) - 1 for size in range(1, MOST_BYTES + 1))
        )

    def _most_of_length(
        self, longest: int, header_bytes: int, ahead: Sequence[CodedLayout], mcs: str
    ) -> int:
        """Bytes left for the last payload if its length takes what that of the longest does."""
        if self.most_bytes is not None:
            sizes = [layout.payload_bytes for layout in ahead]
            others = header_bytes + sum(sizes)
            return self.most_bytes - others - self.control_bytes([*sizes, longest])
        uses = self.remaining_uses(header_bytes, ahead, longest)
        assert uses is not None, "there is a budget"
        return largest_payload(uses, mcs)

    def strongest_mcs(self, header_bytes: int, payload_bytes: int) -> str | None:
        """The most robust scheme at which the only payload fits the granted channel uses.

        Returns:
            Its name, or None if the payload does not fit at any.
        """
        uses = self.remaining_uses(header_bytes, last_bytes=payload_bytes)
        for mcs in sorted(MCS.values(), key=lambda mcs: (mcs.efficiency, mcs.bits_per_symbol)):
            if uses is None or coded_layout(payload_bytes, mcs.name).channel_uses <= uses:
                return mcs.name
        return None

    def in_user_units(self, amount: int) -> float:
        """Bytes, or channel uses if those are granted, as bpp or cpp; amounts if unknown."""
        if not self.pixels:
            return float(amount)
        return amount * (8 if self.most_bytes is not None else 1) / self.pixels


def largest_payload(data_uses: int, mcs: str) -> int:
    """Bytes of the largest payload that fits so many data symbols; 0 if none does."""
    most = min(math.floor(data_uses * mcs_named(mcs).efficiency / 8), MAX_PAYLOAD_BYTES)
    sizes = range(1, most + 1)
    return bisect_right(sizes, data_uses, key=lambda size: coded_layout(size, mcs).channel_uses)


def impossible_budget(reason: str, radio: Radio, cure: str = "Grant more.") -> InvalidInput:
    """The error for a budget that cannot be met."""
    in_bytes = radio.most_bytes is not None
    budget = radio.most_bytes if radio.most_bytes is not None else radio.granted_uses or 0
    unit = "" if radio.pixels else " bytes" if in_bytes else " channel uses"
    value = f"{radio.in_user_units(budget):.4g}{unit}"
    return InvalidInput(reason, field="bpp" if in_bytes else "cpp", value=value, cure=cure)


def exceeded_budget(radio: Radio, needed: int) -> InvalidInput:
    """The error for a message that needs so many bytes, or channel uses if those are granted."""
    what = "bytes" if radio.most_bytes is not None else "channel uses"
    enough = math.ceil(radio.in_user_units(needed) * 1e4) / 1e4
    return impossible_budget(
        f"the message takes {needed} {what}.", radio, f"Grant at least {enough:.10g}."
    )
