"""The physical layer: transport blocks, modulation, resource grids, equalisation."""
