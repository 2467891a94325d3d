"""Vector-quantised tokens of a map and of a picture as three payloads of bits.

"mask" says which positions of either grid are sent (`masks`). Without it nothing can be decoded.
"map" and "picture" hold the indices (`indices`), in pieces that travel in a transport block each
and are decoded each by itself: when one is lost, its tokens are missing and all others are right.

Where the indices belong is known from the mask, so their order must follow from the mask as well.
To send k of them in the order of their scores would take another log2(k!) bits, and to tell only
the better half from the rest takes nearly k: 40 to 60 % of what the mask takes, and half or
more of what coding it gains (docs/tokens.md). So there is one mask, and the order is one that it
implies (`order`): positions come first whose neighbours are sent too. Of smooth scores, that puts
60 to 80 % of the better half into the first half, at no cost. The first pieces are therefore a
message of a lower rate, if not quite the one that fewer tokens make when they are encoded anew.

All probabilities are integers, all arithmetic on them is exact: both ends agree on every machine.
"""

from __future__ import annotations

from semlink.core.codecs.tokens.indices import Pieces, decode_indices, encode_indices
from semlink.core.codecs.tokens.masks import decode_masks, encode_masks
from semlink.core.codecs.tokens.tables import IndexTable, IndexTables

__all__ = [
    "IndexTable",
    "IndexTables",
    "Pieces",
    "decode_indices",
    "decode_masks",
    "encode_indices",
    "encode_masks",
]
