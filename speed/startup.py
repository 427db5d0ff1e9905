"""How long the listings take, beside `python -c "import torch"`, in one run.

python speed/startup.py --repeat 10
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

COMMANDS = {
    'python -c ""': [sys.executable, "-c", ""],
    "unimp-bench --help": ["unimp-bench", "--help"],
    "unimp-bench tasks": ["unimp-bench", "tasks"],
    "unimp-bench models": ["unimp-bench", "models"],
    "unimp-bench data list": ["unimp-bench", "data", "list"],
    'python -c "import torch"': [sys.executable, "-c", "import torch"],
}


def best_seconds(command: list[str], repeat: int, home: str) -> float:
    """Return the fastest of ``repeat`` processes, after one to warm the file cache."""
    times = []
    for _ in range(repeat + 1):
        started = time.perf_counter()
        subprocess.run(
            command, check=True, capture_output=True, env={**os.environ, "UNIMP_BENCH_HOME": home}
        )
        times.append(time.perf_counter() - started)
    return min(times[1:])


def main() -> None:
    """Time each command and print the seconds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=10, help="processes per command")
    repeat = parser.parse_args().repeat
    program = shutil.which("unimp-bench", path=str(Path(sys.executable).parent))
    with tempfile.TemporaryDirectory() as home:
        for label, command in COMMANDS.items():
            if command[0] == "unimp-bench":
                if program is None:
                    raise SystemExit("unimp-bench is not installed beside this python")
                command = [program, *command[1:]]
            print(f"{label:28s} {best_seconds(command, repeat, home):6.3f} s")


if __name__ == "__main__":
    main()
