"""unimp-bench: a benchmark suite for multi-modal personalization."""

from benchmark.host.torch_setup import pin_arithmetic

__version__ = "0.1.0"

pin_arithmetic()  # here, because every entrance comes through before it loads torch
