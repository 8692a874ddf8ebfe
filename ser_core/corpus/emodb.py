"""EmoDB: 535 utterances of 10 sentences, 10 German actors, 7 emotions (Burkhardt et al. 2005), read from file names.

    03a01Fa = speaker 03, sentence a01, emotion F (Freude), take a
The acted sentences carry no emotion, so a model of the text alone must stay at chance.
"""

import dataclasses
import re
from collections import Counter
from pathlib import Path
from typing import ClassVar

import pandas as pd

from ser_core.corpus.corpus import Corpus, CorpusOption, complete
from ser_core.corpus.counts import COUNTS, check_counts
from ser_core.corpus.licences import Terms
from ser_core.corpus.release import closed_folders, labelled_files, with_companion_text
from ser_core.corpus.text_file import check_text_file, with_text_file
from ser_core.options import location_field, one_of, tolerance_field

NAME = re.compile(r"(?P<speaker>\d\d)(?P<sentence>[ab]\d\d)(?P<emotion>[WLEAFTN])(?P<take>[a-z])")
EMOTIONS = {
    "W": "anger",
    "L": "boredom",
    "E": "disgust",
    "A": "fear",
    "F": "happiness",
    "T": "sadness",
    "N": "neutral",
}
COUNTS_OF_THE_RELEASE = {
    "anger": 127,
    "boredom": 81,
    "disgust": 46,
    "fear": 69,
    "happiness": 71,
    "neutral": 79,
    "sadness": 62,
}
MALE = {"03", "10", "11", "12", "15"}
SENTENCES = {
    "a01": "Der Lappen liegt auf dem Eisschrank.",
    "a02": "Das will sie am Mittwoch abgeben.",
    "a04": "Heute abend könnte ich es ihm sagen.",
    "a05": "Das schwarze Stück Papier befindet sich da oben neben dem Holzstück.",
    "a07": "In sieben Stunden wird es soweit sein.",
    "b01": "Was sind denn das für Tüten, die da unter dem Tisch stehen?",
    "b02": "Sie haben es gerade hochgetragen und jetzt gehen sie wieder runter.",
    "b03": "An den Wochenenden bin ich jetzt immer nach Hause gefahren und habe Agnes besucht.",
    "b09": "Ich will das eben wegbringen und dann mit Karl was trinken gehen.",
    "b10": "Die wird auf dem Platz sein, wo wir sie immer hinlegen.",
}


@dataclasses.dataclass(frozen=True)
class EmoDB(CorpusOption):
    """Settings of EmoDB."""

    licence_terms: ClassVar[Terms] = Terms(
        licence="CC0-1.0",
        access="free download",
        commercial="allowed",
        redistribution="allowed",
        citation="Burkhardt et al., A Database of German Emotional Speech, Interspeech 2005",
    )
    name: str = "emodb"
    """This option's name."""
    root: str = location_field("")
    """Folder of the release. Audio may be anywhere below it."""
    text: str = "sentence"
    """Text channel: sentence (the acted one), companion (companion_text.csv: semi-synthetic, six classes), column, or none."""
    text_file: str = location_field("")
    """Texts of corpus.text=column: a CSV or Parquet with the columns utterance (or file) and text."""
    counts: str = tolerance_field("release")
    """Utterances per emotion: release (counts must equal the published ones) or any (differences are noted on the card)."""

    def __post_init__(self) -> None:
        one_of(self, "text", ("sentence", "companion", "column", "none"))
        check_text_file(self.text, self.text_file)
        one_of(self, "counts", COUNTS)

    def read(self, cache: Path) -> Corpus:
        """Reads all utterances below `root`. Raises CorpusError if there are none, or not as many as released."""
        rows = [
            {
                "utterance": match.group(),
                "file": str(file),
                "speaker": match["speaker"],
                "gender": "male" if match["speaker"] in MALE else "female",
                "script": match["sentence"],
                "text": SENTENCES.get(match["sentence"], "") if self.text == "sentence" else "",
                "emotion": EMOTIONS[match["emotion"]],
            }
            for file, match in labelled_files("emodb", self.root, NAME)
        ]
        table, dropped, text_notices, closed = pd.DataFrame(rows), [], list[str](), closed_folders(self.root)
        counts = check_counts("emodb", COUNTS_OF_THE_RELEASE, Counter(table["emotion"]), self.counts, closed)
        text_source = {"companion": "companion lines (semi-synthetic)", "sentence": "acted sentence"}.get(self.text, "none")
        if self.text == "companion":
            table, dropped = with_companion_text("emodb", self.root, table)
        if self.text == "column":
            table, text_source, text_notices = with_text_file("emodb", table, self.text_file)
        return Corpus(
            name="emodb",
            table=complete(table),
            classes=tuple(name for name in sorted(EMOTIONS.values()) if name not in dropped),
            dimensions=(),
            licence=self.licence_terms.licence,
            source="Burkhardt et al., A Database of German Emotional Speech, Interspeech 2005",
            text_source=text_source,
            merged=f"dropped {', '.join(dropped)} (no companion line)" if dropped else "none",
            counts=counts,
            notices=(*text_notices, *closed),
        )
