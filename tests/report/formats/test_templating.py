"""What every HTML page of the project is rendered with."""

from __future__ import annotations

from pathlib import Path

import jinja2
import pytest

from benchmark.report.formats.templating import html_environment

ROOT = Path(__file__).parents[3]


def _template(folder: Path, text: str) -> jinja2.Template:
    (folder / "page.txt").write_text(text, encoding="utf-8")
    return html_environment(folder).get_template("page.txt")


def test_values_are_escaped_whatever_the_file_is_called(tmp_path) -> None:
    page = _template(tmp_path, "<p>{{ name }}</p>").render(name='<script>&"')
    assert page == "<p>&lt;script&gt;&amp;&#34;</p>"


def test_a_name_nobody_gave_is_an_error_and_no_gap(tmp_path) -> None:
    with pytest.raises(jinja2.UndefinedError, match="name"):
        _template(tmp_path, "<p>{{ name }}</p>").render()


def test_no_other_module_builds_an_environment_of_its_own() -> None:
    packages = (ROOT / name for name in ("benchmark", "baselines", "unimp_model", "leaderboards"))
    builders = [
        path.relative_to(ROOT).as_posix()
        for package in packages
        for path in package.rglob("*.py")
        if "FileSystemLoader" in path.read_text(encoding="utf-8")
    ]
    assert builders == ["benchmark/report/formats/templating.py"]
