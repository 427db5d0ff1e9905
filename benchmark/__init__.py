"""unimp-bench: a benchmark suite for multi-modal personalization."""

__version__ = "0.1.0"
