"""How the families of text encoders differ: in the size of their tables, and in what their layers read besides the states.

bert, roberta, ...        tokens -> embeddings -> layers                    any upper layers can be trained
deberta, mpnet            + relative positions inside every layer           the same
modernbert                + rotary positions, local and global layers       the same
albert                    one layer for all depths                          the same; trained depths share one copy
other encoders            any masked language model of transformers         only as a whole
decoders                  any causal language model of transformers         frozen only
"""

import dataclasses
from pathlib import Path
from typing import Any

from ser_core.encoders.around import DebertaAround, ModernBertAround, MpnetAround
from ser_core.encoders.stacks import Stack, albert_layers, deberta_layers
from ser_core.errors import SettingError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Kind(Stack):
    """What config.json calls the size of an encoder, and how many positions of its table are not for tokens."""

    layers: str = "num_hidden_layers"
    dim: str = "hidden_size"
    reserved: int = 0
    """Positions of the table that are not for tokens."""
    whole: bool = False
    """Whether its layers cannot run by themselves, so that only the whole encoder can be trained."""
    why_frozen: str = ""
    """Why its layers cannot be trained; "" if they can."""

    def count(self, settings: dict[str, Any]) -> int:
        """Returns the number of hidden states above state 0."""
        # Only ALBERT has inner groups.
        return settings[self.layers] * settings.get("inner_group_num", 1)


# The positions of RoBERTa and its relatives begin after the index of the padding, at 2.
AFTER_PADDING = 2
KINDS = {
    "bert": Kind(),
    "electra": Kind(),
    "roberta": Kind(reserved=AFTER_PADDING),
    "xlm-roberta": Kind(reserved=AFTER_PADDING),
    "camembert": Kind(reserved=AFTER_PADDING),
    "data2vec-text": Kind(reserved=AFTER_PADDING),
    "deberta": Kind(around=DebertaAround, layers_of=deberta_layers),
    "deberta-v2": Kind(around=DebertaAround, layers_of=deberta_layers),
    "mpnet": Kind(reserved=AFTER_PADDING, around=MpnetAround),
    "distilbert": Kind(layers="n_layers", dim="dim", stack="transformer.layer"),
    "albert": Kind(stack="encoder.albert_layer_groups", layers_of=albert_layers),
    "modernbert": Kind(stack="layers", closing="final_norm", around=ModernBertAround),
}
"""By `model_type` of config.json: the families whose upper layers can be trained."""
WHOLE = Kind(whole=True)
DECODER = Kind(why_frozen="it is a decoder, of which only frozen states are read")


def kind_of(folder: Path, settings: dict[str, Any], key: str) -> tuple[Kind, dict[str, Any]]:
    """Returns the kind of a checkpoint and its settings, with sizes under common names if the table does not list it.

    Raises SettingError for a checkpoint that is no text encoder or decoder.
    """
    name = settings.get("model_type", "")
    if name in KINDS:
        return KINDS[name], settings
    from transformers.models.auto import modeling_auto

    encoders, decoders = modeling_auto.MODEL_FOR_MASKED_LM_MAPPING_NAMES, modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
    kind = WHOLE if name in encoders else DECODER if name in decoders else None
    sizes = _sizes(folder) if kind else {}
    if kind is None or not sizes:
        raise SettingError(
            f"{key}.path: {folder} is of kind {name}; supported are {', '.join(KINDS)}, and other encoders and decoders of "
            "text alone that transformers lists for masked or causal language modelling"
        )
    return kind, settings | sizes


def _sizes(folder: Path) -> dict[str, Any]:
    """Returns the sizes of a checkpoint under the names of BERT; {} if it has an encoder and a decoder, or no such sizes."""
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    names = ("num_hidden_layers", "hidden_size", "max_position_embeddings")
    found = {name: value for name in names if isinstance(value := getattr(config, name, None), int) and value > 0}
    return found if not config.is_encoder_decoder and {*names[:2]} <= set(found) else {}
