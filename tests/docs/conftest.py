"""The scripts of docs/examples, each as a module."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import pytest

_EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


@pytest.fixture(scope="module")
def example(request: pytest.FixtureRequest) -> ModuleType:
    """The script that the test's own file is called after: ``test_NAME.py``, ``NAME.py``."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(_EXAMPLES)  # as python does for a script: it may import another
        return importlib.import_module(Path(request.path).stem.removeprefix("test_"))
