"""``python -m benchmark`` is ``unimp-bench``."""

from __future__ import annotations

from benchmark.cli import main

main()
