"""What both ends of SQ-GAN share: its shape, its layers, its codebooks, its files."""
