"""The systems UniMP is compared with, one file each, grouped by kind.

:mod:`baselines.entries` announces them; nothing here is imported before it is run.
"""

import benchmark  # noqa: F401  it pins the arithmetic, which is to be before torch is loaded
