"""Tiny random checkpoints of every supported family, written by transformers itself."""

import functools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from ser_core.encoders.families import FAMILIES
from ser_core.encoders.text_families import KINDS

LAYERS = 3
DIM = 16
CONVOLVED: dict[str, Any] = {
    "hidden_size": DIM,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "conv_dim": (8,) * 7,
    "num_conv_pos_embeddings": 8,
    "num_conv_pos_embedding_groups": 2,
}
WHISPER: dict[str, Any] = {
    "d_model": DIM,
    "encoder_layers": LAYERS,
    "encoder_attention_heads": 2,
    "encoder_ffn_dim": 24,
    "decoder_layers": 1,
    "decoder_attention_heads": 2,
    "decoder_ffn_dim": 24,
    "vocab_size": 10,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "decoder_start_token_id": 3,
    "max_source_positions": 150,
    "max_target_positions": 8,
}
CONFORMER: dict[str, Any] = {**CONVOLVED, "initializer_range": 0.3, "conv_depthwise_kernel_size": 5, "max_source_positions": 40}
W2V_BERT: dict[str, Any] = {
    **{name: value for name, value in CONVOLVED.items() if not name.startswith(("conv_", "num_conv"))},
    "initializer_range": 0.3,
    "conv_depthwise_kernel_size": 5,
    "left_max_position_embeddings": 6,
    "right_max_position_embeddings": 3,
}
SPEECH = {
    "wav2vec2-group": ("Wav2Vec2Model", {**CONVOLVED, "feat_extract_norm": "group"}),
    "wav2vec2-layer": (
        "Wav2Vec2Model",
        {**CONVOLVED, "feat_extract_norm": "layer", "do_stable_layer_norm": True, "conv_bias": True},
    ),
    "hubert": ("HubertModel", CONVOLVED),
    "wavlm": ("WavLMModel", CONVOLVED),
    "data2vec-audio": ("Data2VecAudioModel", CONVOLVED),
    "unispeech-sat": ("UniSpeechSatModel", {**CONVOLVED, "do_stable_layer_norm": True, "feat_extract_norm": "layer"}),
    "wav2vec2-conformer": ("Wav2Vec2ConformerModel", CONFORMER),
    "wav2vec2-conformer-rotary": ("Wav2Vec2ConformerModel", {**CONFORMER, "position_embeddings_type": "rotary"}),
    "wav2vec2-bert": ("Wav2Vec2BertModel", W2V_BERT),
    "wav2vec2-bert-relative": ("Wav2Vec2BertModel", {**W2V_BERT, "position_embeddings_type": "relative"}),
    "whisper": ("WhisperModel", WHISPER),
    "whisper-encoder-only": ("WhisperModel", {**WHISPER, "decoder_layers": 0}),
}
"""Model class and settings by family; 150 positions are 3 s. `every` adds the other lines of the table by themselves."""
SPECTROGRAM: dict[str, Any] = {
    "hidden_size": DIM,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "num_mel_bins": 32,
    "max_length": 128,
    "initializer_range": 0.2,
}
"""Audio Spectrogram Transformer, which is only read frozen; 128 frames are 1.28 s."""
BERT_LIKE: dict[str, Any] = {
    "hidden_size": DIM,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "max_position_embeddings": 34,
    "pad_token_id": 0,
}
RELATIVE: dict[str, Any] = {
    **BERT_LIKE,
    "relative_attention": True,
    "max_relative_positions": 8,
    "pos_att_type": ["p2c", "c2p"],
    "position_biased_input": False,
    "initializer_range": 0.3,
}
V3: dict[str, Any] = {**RELATIVE, "share_att_key": True, "position_buckets": 4, "norm_rel_ebd": "layer_norm"}
TEXT = {
    "bert": ("BertModel", {**BERT_LIKE, "max_position_embeddings": 32}),
    "roberta": ("RobertaModel", BERT_LIKE),
    "deberta": ("DebertaModel", RELATIVE),
    "deberta-v3": ("DebertaV2Model", V3),
    "deberta-v2-xlarge": ("DebertaV2Model", {**RELATIVE, "conv_kernel_size": 3, "conv_act": "gelu"}),
    "mpnet": ("MPNetModel", {**BERT_LIKE, "pad_token_id": 1, "initializer_range": 0.3}),
    "distilbert": (
        "DistilBertModel",
        {"dim": DIM, "n_layers": LAYERS, "n_heads": 2, "hidden_dim": 24, "max_position_embeddings": 34, "pad_token_id": 0},
    ),
    "albert": ("AlbertModel", {**BERT_LIKE, "embedding_size": 8, "initializer_range": 0.3}),
    "albert-groups": ("AlbertModel", {**BERT_LIKE, "embedding_size": 8, "num_hidden_groups": 2, "initializer_range": 0.3}),
    "modernbert": (
        "ModernBertModel",
        {
            **BERT_LIKE,
            "local_attention": 4,
            "global_attn_every_n_layers": 2,
            "initializer_range": 0.3,
            **dict.fromkeys(("cls_token_id", "sep_token_id", "bos_token_id", "eos_token_id"), 0),
        },
    ),
}
"""Model class and settings by family; `every` adds the other lines of the table by themselves."""
SMALL_DECODER: dict[str, Any] = {**BERT_LIKE, "num_key_value_heads": 1, "head_dim": 8, "initializer_range": 0.3}
DECODERS = {
    "llama": ("LlamaModel", SMALL_DECODER),
    "qwen2": ("Qwen2Model", SMALL_DECODER),
    "qwen3": ("Qwen3Model", SMALL_DECODER),
    "gemma": ("GemmaModel", SMALL_DECODER),
    "gemma2": ("Gemma2Model", SMALL_DECODER),
    "gemma3_text": ("Gemma3TextModel", SMALL_DECODER),
    "mistral": ("MistralModel", SMALL_DECODER),
    "gpt2": ("GPT2Model", {"n_embd": DIM, "n_layer": LAYERS, "n_head": 2, "n_positions": 34, "initializer_range": 0.3}),
}
"""Decoders, which are only read frozen."""
WHOLE = {
    "roformer": ("RoFormerModel", {**BERT_LIKE, "embedding_size": DIM}),
    "convbert": ("ConvBertModel", {**BERT_LIKE, "embedding_size": DIM, "head_ratio": 1, "conv_kernel_size": 3}),
}
"""Encoders that no table lists, which are only trained as a whole."""
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "i", "am", "so", "happy", "sad", "##der", "!"]


def every(table: Mapping[str, Any], given: Mapping[str, Any], usual: dict[str, Any]) -> dict[str, tuple[str, dict[str, Any]]]:
    """The given checkpoints, and for each kind of `table` that none of them is of, one with the usual settings."""
    import transformers
    from transformers.models.auto.modeling_auto import MODEL_MAPPING_NAMES

    covered = {getattr(transformers, name).config_class.model_type for name, _ in given.values()}
    others = {kind: (str(MODEL_MAPPING_NAMES[kind]), usual) for kind in table if kind not in covered}
    return {**given, **others}


@functools.cache
def all_speech() -> dict[str, tuple[str, dict[str, Any]]]:
    """A checkpoint of every kind of speech encoder whose layers can be trained, perhaps several."""
    return every({kind: each for kind, each in FAMILIES.items() if not each.why_frozen}, SPEECH, CONVOLVED)


@functools.cache
def all_text() -> dict[str, tuple[str, dict[str, Any]]]:
    """A checkpoint of every kind of text encoder whose layers can be trained, perhaps several."""
    return every(KINDS, TEXT, {**BERT_LIKE, "initializer_range": 0.3})


def speech_checkpoint(folder: Path, family: str, seed: int = 0, **settings: Any) -> Path:
    """Writes a random speech encoder and returns its folder."""
    import transformers

    name, usual = all_speech()[family]
    torch.manual_seed(seed)
    model_class = getattr(transformers, name)
    model_class(model_class.config_class(**{**usual, **settings})).save_pretrained(folder)
    preparation = {"do_normalize": True, "sampling_rate": 16000}
    if "wav2vec2" in family:
        (folder / "preprocessor_config.json").write_text(json.dumps(preparation))
    return folder


def spectrogram_checkpoint(folder: Path) -> Path:
    """Writes a random audio spectrogram transformer and returns its folder."""
    import transformers

    torch.manual_seed(0)
    model = transformers.ASTModel(transformers.ASTConfig(**SPECTROGRAM))
    # transformers starts them at 0, where a test could not tell them apart.
    model.embeddings.position_embeddings.data.normal_()
    model.save_pretrained(folder)
    preparation = {"sampling_rate": 16000, "num_mel_bins": 32, "max_length": 128, "mean": -4.0, "std": 3.0}
    (folder / "preprocessor_config.json").write_text(json.dumps(preparation))
    return folder


def text_checkpoint(folder: Path, family: str = "bert", seed: int = 0, **settings: Any) -> Path:
    """Writes a random text encoder with a WordPiece tokenizer of a dozen words and returns its folder."""
    import transformers
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    torch.manual_seed(seed)
    name, usual = {**all_text(), **DECODERS, **WHOLE}[family]
    model_class = getattr(transformers, name)
    model_class(model_class.config_class(**{"vocab_size": len(WORDS), **usual, **settings})).save_pretrained(folder)
    tokenizer = Tokenizer(models.WordPiece({word: number for number, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]"
    ).save_pretrained(folder)
    return folder
