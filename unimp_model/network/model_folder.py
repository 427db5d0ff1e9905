"""Say what is wrong with a folder that should hold a language model, before it is loaded.

transformers tells of a damaged file by what its parser stumbled over, which names neither the
file nor the reason.
"""

from __future__ import annotations

from pathlib import Path

from safetensors import SafetensorError, safe_open

from benchmark.errors import BenchError, in_one_line

#: How the stand-in of Git LFS for a file begins.
_POINTER = b"version https://git-lfs.github.com/spec/"
#: Files that are read; others may well have been left behind.
_READ = frozenset((".json", ".model", ".safetensors", ".txt"))


def check_model_folder(folder: Path) -> None:
    """Raise :class:`BenchError` naming the file where ``folder`` cannot be loaded.

    It must hold ``config.json`` and whole ``*.safetensors``, and no file that is read may be the
    pointer that Git LFS leaves in place of one. Of weights only the headers are read.
    """
    if not (folder / "config.json").is_file():
        raise BenchError(
            f"Language model {str(folder)!r} holds no config.json.",
            fix="Give the folder that save_pretrained of transformers wrote.",
        )
    files = sorted(file for file in folder.iterdir() if file.suffix in _READ and file.is_file())
    for file in files:
        with file.open("rb") as stream:
            if stream.read(len(_POINTER)) == _POINTER:
                raise BenchError(
                    f"{str(file)!r} is a pointer of Git LFS, not the file itself.",
                    fix=f"Run git lfs pull in {str(folder)!r}.",
                )
    weights = [file for file in files if file.suffix == ".safetensors"]
    if not weights:
        raise _no_weights(folder)
    for file in weights:
        try:
            with safe_open(file, "pt"):
                pass
        except (SafetensorError, OSError) as error:
            raise BenchError(
                f"{str(file)!r} is cut short or damaged: {in_one_line(error)}.",
                fix="Copy or download the file again.",
            ) from error


def _no_weights(folder: Path) -> BenchError:
    pickled = [*sorted(folder.glob("*.bin")), *sorted(folder.glob("*.pt*"))]
    if not pickled:
        return BenchError(
            f"Language model {str(folder)!r} holds no weights (*.safetensors).",
            fix="Give the folder that save_pretrained of transformers wrote.",
        )
    return BenchError(
        f"Language model {str(folder)!r} has its weights in {pickled[0].name!r} only, a format "
        "that can run code and is not read.",
        fix="If you trust it, load it with transformers' AutoModelForCausalLM and save_pretrained "
        "it into a folder: that writes model.safetensors.",
    )
