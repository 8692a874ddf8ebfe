"""How a checkpoint is found and loaded, and how its hidden states are read: the code that speech and text encoders share.

    hidden state 0 = input of the first transformer layer, k = output of layer k, the last = the encoder's output
                                                                               (after its closing norm, if it has one)
Only safetensors, or PyTorch weights without pickled code, are read. Code that comes with a checkpoint never runs.
"""

import contextlib
import functools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ser_core.audio import SAMPLE_RATE_HZ
from ser_core.encoders.encoder import UNREAD_BESIDE_JSON, weight_files
from ser_core.errors import SettingError

MIXED = ("weighted", "concat")
"""Choices that read several hidden states."""
HUB_NAME = re.compile(r"[\w.-]+(?:/[\w.-]+)?")
HUB_FILES = ["*.json", "*.txt", "*.model", "*.safetensors"]
UNUSED = re.compile(r"pooler|masked_spec_embed|decoder|adapter|position_ids|^lm_head|^cls\.|project_|quantizer")
"""Weights that may be missing, because no hidden state depends on them."""
VOCABULARIES = ("tokenizer.json", "vocab.txt", "vocab.json", "spiece.model", "sentencepiece.bpe.model", *UNREAD_BESIDE_JSON)
"""Files of a tokenizer, at least one of which a folder must have."""
TOKENIZER_REMEDY = (
    "add a tokenizer.json, which AutoTokenizer.from_pretrained(NAME).save_pretrained(FOLDER) writes where transformers and "
    "sentencepiece are installed"
)


def find(path: str, key: str) -> Path:
    """Returns the folder of a checkpoint: `path` itself, or the Hugging Face hub's snapshot with that name.

    Raises SettingError, which names `key`, if it is neither.
    """
    if not path:
        raise SettingError(f"{key}.path is empty; give a checkpoint's folder or its name on the Hugging Face hub")
    if Path(path).is_dir():
        return Path(path)
    if not HUB_NAME.fullmatch(path) or path.startswith("."):
        raise SettingError(f"{key}.path: there is no folder {path}; put the checkpoint there or correct the path")
    return _from_hub(path, key)


@functools.lru_cache
def _from_hub(name: str, key: str) -> Path:
    """Returns the snapshot of a hub checkpoint: the local one if it has weights, otherwise a download."""
    import huggingface_hub

    # A local snapshot first, then a download; PyTorch's own format only if there is no safetensors.
    attempts = ((HUB_FILES, True), (HUB_FILES, False), ([*HUB_FILES, "pytorch_model*.bin"], False))
    reason = "it holds no weights"
    for patterns, local in attempts:
        try:
            folder = Path(huggingface_hub.snapshot_download(name, allow_patterns=patterns, local_files_only=local))
        except (OSError, ValueError) as error:
            reason = (str(error) or type(error).__name__).splitlines()[0]
            continue
        if weight_files(folder):
            return folder
    raise SettingError(
        f"{key}.path: {name} is neither a local folder nor a checkpoint that the Hugging Face hub provides ({reason}); "
        "download it elsewhere and give its folder"
    )


def read_json(folder: Path, name: str, key: str) -> dict[str, Any]:
    """Reads a JSON file of a checkpoint folder. Raises SettingError if it is missing or not a JSON object."""
    try:
        content = json.loads((folder / name).read_text())
    except FileNotFoundError:
        raise SettingError(f"{key}.path: {folder} holds no {name}, so it is not a checkpoint folder") from None
    except ValueError as error:
        raise SettingError(f"{key}.path: {folder / name} is damaged ({error})") from error
    if not isinstance(content, dict):
        raise SettingError(f"{key}.path: {folder / name} is damaged (it is not a JSON object)")
    return content


def preparation(folder: Path, key: str) -> dict[str, Any]:
    """Reads preprocessor_config.json of a speech checkpoint; {} without one. Raises SettingError unless it is for 16 kHz."""
    if not (folder / "preprocessor_config.json").is_file():
        return {}
    content = read_json(folder, "preprocessor_config.json", key)
    rate = content.get("sampling_rate", SAMPLE_RATE_HZ)
    if rate != SAMPLE_RATE_HZ:
        raise SettingError(f"{key}.path: {folder} was trained at {rate} Hz; only {SAMPLE_RATE_HZ} Hz is supported")
    return content


def check_layers(layers: str, key: str) -> None:
    """Raises SettingError for a choice of hidden states that no checkpoint can have."""
    if layers not in MIXED and layers != "last" and not (layers.isascii() and layers.isdigit()):
        raise SettingError(f"{key}.layers must be weighted, concat, last or a layer number (0 and up), got {layers!r}")


def tuned_layers(tune: int, count: int, key: str) -> int:
    """Returns the number of the hidden state below the trained layers. Raises SettingError if there are fewer layers.

    >>> tuned_layers(2, 12, ""), tuned_layers(-1, 12, "")
    (10, 0)
    """
    if tune > count:
        raise SettingError(f"{key}.tune must be 0 to {count} for this checkpoint, or -1 for all, got {tune}")
    return 0 if tune == -1 else count - tune


def chosen_layers(layers: str, count: int, key: str, lowest: int = 0) -> list[int]:
    """Returns the numbers of the chosen hidden states of an encoder with `count` transformer layers, from `lowest` up.

    >>> chosen_layers("weighted", 2, ""), chosen_layers("last", 2, ""), chosen_layers("1", 2, "")
    ([0, 1, 2], [2], [1])
    """
    if layers in MIXED:
        return list(range(lowest, count + 1))
    number = count if layers == "last" else int(layers)
    if number > count:
        raise SettingError(f"{key}.layers must be 0 to {count} for this checkpoint, got {layers}")
    return [number]


def load_model(folder: Path, device: torch.device, key: str) -> nn.Module:
    """Loads the encoder in float32, for inference. Raises SettingError if weights are missing or cannot be read.

    transformers draws weights that a checkpoint lacks and no state depends on. The random generator is restored afterwards, so
    that later draws do not depend on whether the weights were already loaded.
    """
    from transformers import AutoModel

    with _quiet(), torch.random.fork_rng(devices=[]):
        try:
            model, report = AutoModel.from_pretrained(
                folder, dtype=torch.float32, local_files_only=True, trust_remote_code=False, output_loading_info=True
            )
        except (OSError, ValueError, RuntimeError) as error:
            raise SettingError(f"{key}.path: {folder} cannot be loaded: {str(error).splitlines()[0]}") from error
    missing = sorted(str(name) for name in report["missing_keys"] if not UNUSED.search(str(name)))
    if missing:
        raise SettingError(
            f"{key}.path: {folder} lacks {len(missing)} of the encoder's weights, such as {missing[0]}; "
            "it would compute with random ones; use a complete checkpoint"
        )
    return model.eval().requires_grad_(False).to(device)


def constants(model: Any) -> list[str]:
    """Returns patterns of the parameters of a loaded `model` that training below or inside it leaves alone.

    What its authors keep constant, such as Whisper's table of sines, stays constant.
    """
    # Loading forgets what is constant, so ask a model of the same class without memory.
    with _quiet(), torch.random.fork_rng(devices=[]), torch.device("meta"):
        shell = type(model)(model.config)
    names = [name for name, parameter in shell.named_parameters() if not parameter.requires_grad]
    return [UNUSED.pattern, *(rf"^model\.{re.escape(name)}$" for name in names)]


def load_tokenizer(folder: Path, key: str) -> Any:
    """Loads the tokenizer of the encoder. Raises SettingError if the folder has none that can be read here."""
    from transformers import AutoTokenizer

    # Without any of these files, transformers makes a tokenizer that knows no word.
    if not any((folder / name).is_file() for name in VOCABULARIES):
        raise SettingError(f"{key}.path: {folder} holds no tokenizer (none of {', '.join(VOCABULARIES)}); {TOKENIZER_REMEDY}")
    with _quiet():
        try:
            return AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        except (OSError, ValueError, KeyError, ImportError) as error:
            reason = str(error).splitlines()[0].rstrip(".")
            raise SettingError(f"{key}.path: {folder} holds no usable tokenizer ({reason}); {TOKENIZER_REMEDY}") from error


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keeps transformers from showing a progress bar and listing unused weights of heads."""
    from transformers.utils import logging

    verbosity, drawing = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if drawing:
            logging.enable_progress_bar()
