"""SQ-GAN's encoders: a map and a picture become tokens, most important first."""
