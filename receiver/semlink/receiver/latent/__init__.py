"""Diffusion in the latent space of an autoencoder (Rombach et al., CVPR 2022)."""
