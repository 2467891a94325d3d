"""Image codecs of the classical baseline, and of label maps: bytes without a file around them."""
