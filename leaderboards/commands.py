"""``submit``, ``verify`` and ``leaderboard`` on the command line.

``benchmark.cli`` finds this module by name.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from benchmark.commands.options import HomeOption, JsonOption, examples
from benchmark.commands.printing import print_rows
from benchmark.errors import BenchError, UsageError, listed
from benchmark.host.console import output_to_stderr, print_json
from leaderboards.site import commands as site

if TYPE_CHECKING:
    from benchmark.host.home import Home
    from leaderboards.importing import Imported
    from leaderboards.submission.opening import Plain
    from leaderboards.verification.several import Checked
    from leaderboards.verification.verify import Verification

app = typer.Typer()
app.add_typer(site.app, name="leaderboard")


@app.command(
    epilog=examples(
        "unimp-bench submit RUN --out mine.zip --training-data 'the training part' --code "
        "https://example.org/mine --contamination 'none: trained from scratch'",
        "unimp-bench submit RUN-OF-ANOTHER-SEED --add-to mine.zip --out more.zip",
    )
)
def submit(
    runs: Annotated[
        list[str], typer.Argument(metavar="RUN...", help="Run folders, or their names.")
    ],
    out: Annotated[Path, typer.Option("--out", help="A folder, or a file ending in .zip.")],
    training_data: Annotated[
        str | None,
        typer.Option("--training-data", help="All data that model and backbones saw."),
    ] = None,
    code: Annotated[
        str | None,
        typer.Option(
            "--code", help="Where the code is: an https address or a path of this project."
        ),
    ] = None,
    contamination: Annotated[
        str | None,
        typer.Option("--contamination", help="Why no test interaction was among it."),
    ] = None,
    description: Annotated[
        str | None,
        typer.Option("--description", help="The model in a few sentences."),
    ] = None,
    contact: Annotated[
        str | None,
        typer.Option("--contact", help="Whom to ask."),
    ] = None,
    add_to: Annotated[
        Path | None,
        typer.Option(
            "--add-to",
            metavar="SUBMISSION",
            help="Keep the runs and the declaration of an earlier submission of the model.",
        ),
    ] = None,
    levels: Annotated[
        int | None,
        typer.Option(
            "--levels", min=2, max=128, help="Round pictures to so many levels of each colour."
        ),
    ] = None,
    terms_allow: Annotated[
        bool,
        typer.Option("--terms-allow", help="The data's owner lets you share predictions on it."),
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace what lies there.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Pack runs of one model for the leaderboard, and verify the pack."""
    from benchmark.host.home import find_home
    from benchmark.runs.store import find_run
    from leaderboards.submission.pack import Reduction, files_of, write_submission
    from leaderboards.submission.terms import check_terms
    from leaderboards.verification.rescoring import scores_of_run, with_all_scores
    from leaderboards.verification.verify import verify

    place = find_home(home)
    declaration = {
        "training_data": training_data,
        "code": code,
        "contamination": contamination,
        "contact": contact,
    }
    required = ("training_data", "code", "contamination")
    absent = [name for name in required if declaration[name] is None]
    if absent and add_to is None:
        options = listed([f"--{name.replace('_', '-')}" for name in absent], longest=None)
        raise UsageError(
            f"Without {options} a submission declares too little.",
            fix="Give each, or an earlier submission that declares it by --add-to.",
        )
    with output_to_stderr():
        stored = [find_run(run, place) for run in runs]
        earlier = None if add_to is None else _plain(add_to).files
        if not terms_allow:
            check_terms(stored, place)
        stored = [with_all_scores(run, place) for run in stored]
        rescored = partial(scores_of_run, home=place)
        reduction = None if levels is None else Reduction(levels, rescored)
        files = files_of(
            stored, declaration, description=description, reduction=reduction, earlier=earlier
        )
        write_submission(files, out, force=force)
        result = verify(out, home=place)
    if as_json:
        print_json({"submission": str(out), **result.as_json()})
    else:
        print(f"Packed {len(files) - 1} runs: {out}")
        _print(result)
    raise SystemExit(0 if result.accepted else 1)


@app.command(
    epilog=examples(
        "unimp-bench verify mine.zip --strict",
        "unimp-bench verify leaderboards/submissions/*/",
    )
)
def verify(
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATH...", help="Submissions: folders or zip archives.")
    ],
    strict: Annotated[
        bool, typer.Option("--strict", help="Warnings and runs left out count as problems.")
    ] = False,
    reproduce: Annotated[
        str | None,
        typer.Option(
            "--reproduce",
            metavar="MODEL",
            help="Fit MODEL here (this runs its code) and compare a sample of the predictions.",
        ),
    ] = None,
    fix: Annotated[
        Path | None,
        typer.Option(
            "--fix",
            metavar="OUT",
            help="Write what PATH says to OUT, a folder or .zip, as submit would; check that.",
        ),
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check submissions and compute their scores again from their predictions.

    Of several, a table says what became of each, and the exit status is the worst.
    """
    from benchmark.host.home import find_home
    from leaderboards.verification import verify as module

    path, *more = paths
    if more:
        _require_alone("--reproduce", reproduce)
        _require_alone("--fix", fix)
        _verify_each(paths, home=find_home(home), strict=strict, as_json=as_json)
    if fix is not None:
        path = _fixed(path, fix)
    with output_to_stderr():
        result = module.verify(path, home=find_home(home), strict=strict, reproduce=reproduce)
    if as_json:
        print_json(result.as_json())
    else:
        _print(result)
    raise SystemExit(0 if result.accepted else 1)


@site.app.command(
    "import",
    epilog=examples(
        "unimp-bench leaderboard import",
        "unimp-bench leaderboard import leaderboards/submissions/sasrec theirs.zip",
        "unimp-bench report --table recommendation",
    ),
)
def import_submissions(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="PATH...",
            help="Submissions, or folders of some [default: leaderboards/submissions].",
        ),
    ] = None,
    prepare: site.PrepareOption = True,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make stored runs of submitted answers, scored here: nothing is fitted.

    Tables and comparisons then show them beside your own runs, which come first where both are of
    one model and seed. A submission that verify would refuse is not imported, and the exit status
    is 1. runs rm removes them.
    """
    from dataclasses import asdict

    from benchmark.host.console import note
    from benchmark.host.home import find_home
    from leaderboards.importing import find_submissions, import_each
    from leaderboards.site.building import prepare_datasets

    place = find_home(home)
    found = find_submissions([Path("leaderboards/submissions")] if paths is None else paths)
    with output_to_stderr():
        absent = prepare_datasets(place) if prepare else {}
        imported = list(import_each(found, place))
    for name, reason in absent.items():
        note(f"dataset {name} is not here, and runs over it are left out: {reason}")
    if as_json:
        print_json([asdict(each) for each in imported])
    else:
        _print_imported(imported)
    raise SystemExit(1 if any(each.problem for each in imported) else 0)


def _print_imported(imported: Sequence[Imported]) -> None:
    rows = [
        {
            "submission": each.submission,
            "model": each.model,
            "outcome": each.badge or "refused",
            "new runs": len(each.written),
            "there": len(each.there),
            "left out": len(each.left),
            "doubts": len(each.doubts),
        }
        for each in imported
    ]
    print_rows(rows, list(rows[0]))
    for each in imported:
        for line in (each.problem,) if each.problem else each.left:
            print(f"{each.submission}: {line}")
    if any(each.doubts for each in imported):
        print("Doubts are what verify warns of: unimp-bench verify PATH tells them.")


def _require_alone(option: str, value: object) -> None:
    if value is not None:
        raise UsageError(
            f"{option} belongs to one submission, not to several.", fix="Give one path with it."
        )


def _verify_each(paths: Sequence[Path], *, home: Home, strict: bool, as_json: bool) -> NoReturn:
    from leaderboards.verification.several import verify_each

    with output_to_stderr():
        checked = verify_each(paths, home=home, strict=strict)
    if as_json:
        print_json([each.as_json() for each in checked])
    else:
        _print_each(checked)
    raise SystemExit(max(each.exit_status for each in checked))


def _fixed(path: Path, out: Path) -> Path:
    """``out``, with what ``path`` says; what was left behind is told on standard error."""
    from benchmark.host.console import note
    from leaderboards.submission.findings import shown
    from leaderboards.submission.pack import write_submission

    plain = _plain(path)
    write_submission(plain.files, out)
    what = listed([shown(name) for name in plain.dropped]) if plain.dropped else "no file"
    note(f"Written anew: {str(out)!r}. Left behind: {what}, and all that files carried besides.")
    return out


def _plain(path: Path) -> Plain:
    """What ``path`` says, read in the cage; raises where something could not be kept."""
    from leaderboards.submission.findings import Refused
    from leaderboards.submission.opening import read_plain

    try:
        plain = read_plain(path)
        found = plain.findings[:1]
    except Refused as refused:
        found = [refused.finding]
    if found:
        first = found[0]
        raise BenchError(
            f"{str(path)!r} cannot be rewritten: {first.code} at {first.where}: {first.message}",
            fix="Pack the runs again with unimp-bench submit.",
        )
    return plain


def _print_each(checked: Sequence[Checked]) -> None:
    """A row for each, then what was found, a line each that begins with the submission."""
    rows = []
    for each in checked:
        row: dict[str, Any] = {"submission": str(each.path)}
        if isinstance(each.found, BenchError):
            row |= {"outcome": "not verified", "problems": None, "warnings": None}
        else:
            row |= {
                "outcome": _outcome(each.found),
                "problems": len(each.found.problems),
                "warnings": len(each.found.warnings),
            }
        rows.append(row)
    print_rows(rows, ["submission", "outcome", "problems", "warnings"])
    for each in checked:
        found = each.found
        lines = str(found).splitlines() if isinstance(found, BenchError) else _findings(found)
        for line in lines:
            print(f"{each.path}: {line}")


def _print(result: Verification) -> None:
    for name, scores in result.scores.items():
        values = ", ".join(f"{metric} {score['value']:.4f}" for metric, score in scores.items())
        print(f"{name}: {values}")
        if result.boards[name]:
            print(f"{name}: on the board {', '.join(result.boards[name])}")
    for found in result.reproductions:
        print(
            f"{found.run}: {found.same} of {found.sampled} sampled predictions the same (seed "
            f"{found.seed}), {found.metric} differs by {found.difference:.4g}"
        )
    for line in _findings(result):
        print(line)
    print(f"{_outcome(result).capitalize()}.")


def _findings(result: Verification) -> Iterator[str]:
    for name, findings in result.refused_runs.items():
        for finding in findings:
            yield f"run refused {name}: {finding.code} at {finding.where}: {finding.message}"
    for word, findings in (("problem", result.problems), ("warning", result.warnings)):
        for finding in findings:
            yield f"{word} {finding.code} at {finding.where}: {finding.message}"


def _outcome(result: Verification) -> str:
    return f"accepted, {result.badge}" if result.accepted else "rejected"
