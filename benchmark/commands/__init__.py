"""The commands of ``unimp-bench``, one file each; :mod:`benchmark.cli` joins them."""
