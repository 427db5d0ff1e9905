"""Training UniMP: rows, losses, optimisation, processes, validation."""
