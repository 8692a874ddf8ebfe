"""Does the text need to be a human transcript, and do its tags help?

    ser ablate text corpus=iemocap corpus.root=FOLDER corpus.text=column corpus.text_file=recognised.csv
Compares transcripts without tags, with tags (which give away the emotion), and a recogniser's output if you provide one.
"""

from collections.abc import Sequence

from ablations.study import Study
from ablations.variant import Variant
from ser_core.config.tree import Config
from ser_core.corpus import Corpus


def variants(config: Config, corpus: Corpus) -> Sequence[Variant]:
    """Returns plain text first, then gold, then the text file of the base configuration if it names one."""
    transcribed = [Variant(text, (f"corpus.text={text}", "corpus.text_file=")) for text in ("plain", "gold")]
    return [*transcribed, *([Variant("column")] if corpus.text_source.startswith("column") else [])]


STUDY = Study(
    name="text",
    question="Does the model need human transcripts?",
    variants=variants,
    across=("text_source",),
)
