"""Diffusion: the SPADE U-Net, noise schedules, samplers and guidance."""
