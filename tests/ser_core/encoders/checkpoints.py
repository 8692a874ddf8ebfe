"""Tiny random checkpoints of every supported family, written by transformers itself."""

import json
from pathlib import Path
from typing import Any

import torch

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
SPEECH = {
    "wav2vec2-group": ("Wav2Vec2Model", {**CONVOLVED, "feat_extract_norm": "group"}),
    "wav2vec2-layer": (
        "Wav2Vec2Model",
        {**CONVOLVED, "feat_extract_norm": "layer", "do_stable_layer_norm": True, "conv_bias": True},
    ),
    "hubert": ("HubertModel", CONVOLVED),
    "wavlm": ("WavLMModel", CONVOLVED),
    "data2vec-audio": ("Data2VecAudioModel", CONVOLVED),
    "whisper": ("WhisperModel", WHISPER),
    "whisper-encoder-only": ("WhisperModel", {**WHISPER, "decoder_layers": 0}),
}
"""Model class and settings by family; 150 positions are 3 s."""
TEXT = ("bert", "roberta")
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "i", "am", "so", "happy", "sad", "##der", "!"]


def speech_checkpoint(folder: Path, family: str, seed: int = 0, **settings: Any) -> Path:
    """Writes a random speech encoder and returns its folder."""
    import transformers

    name, usual = SPEECH[family]
    torch.manual_seed(seed)
    model_class = getattr(transformers, name)
    model_class(model_class.config_class(**{**usual, **settings})).save_pretrained(folder)
    preparation = {"do_normalize": True, "sampling_rate": 16000}
    if "wav2vec2" in family:
        (folder / "preprocessor_config.json").write_text(json.dumps(preparation))
    return folder


def text_checkpoint(folder: Path, family: str = "bert", seed: int = 0, **settings: Any) -> Path:
    """Writes a random text encoder with a WordPiece tokenizer of a dozen words and returns its folder."""
    import transformers
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    torch.manual_seed(seed)
    usual: dict[str, Any] = {"hidden_size": DIM, "num_hidden_layers": LAYERS, "num_attention_heads": 2, "intermediate_size": 24}
    places, model_class = (34, transformers.RobertaModel) if family == "roberta" else (32, transformers.BertModel)
    usual |= {"vocab_size": len(WORDS), "max_position_embeddings": places, "type_vocab_size": 2, "pad_token_id": 0}
    model_class(model_class.config_class(**{**usual, **settings})).save_pretrained(folder)
    tokenizer = Tokenizer(models.WordPiece({word: number for number, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]"
    ).save_pretrained(folder)
    return folder
