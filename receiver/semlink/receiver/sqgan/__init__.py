"""SQ-GAN's decoders: tokens, of which any may be missing, become a map and a picture."""
