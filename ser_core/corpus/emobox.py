"""A corpus from EmoBox manifests, with the folds that come with them (Ma et al. 2024, arXiv 2406.07162).

data/emodb/emodb.jsonl         {"key": "emodb-03a01Fa", "dataset": "emodb", "wav": "downloads/...", "emo": "happy", ...}
data/emodb/label_map.json      {"happy": "Happy", ...}      names of the labels, and which labels form one class
data/emodb/fold_1/emodb_{train,valid,test}_fold_1.jsonl     valid may be absent
The folds are EmoBox's own, and they are not always fair: those of EmoDB and CREMA-D test on speakers that they train on.
"""

import dataclasses
import re
from pathlib import Path

import pandas as pd

from ser_core.corpus.corpus import Corpus, CorpusOption, complete
from ser_core.corpus.emobox_manifest import TIMES, join_lines, map_labels, parts_of, read_folds, speakers_of
from ser_core.corpus.labels import chosen_rows, parse_merge
from ser_core.corpus.licences import Terms
from ser_core.corpus.names import SIMILAR
from ser_core.corpus.release import check_some_file, is_file
from ser_core.corpus.unknown_speakers import ACCEPTED
from ser_core.errors import CorpusError, SettingError
from ser_core.options import location_field, one_of, tolerance_field

OTHERWISE_SPELLED = {"msppodcast": "msp_podcast"}
"""Corpora that have another name in EmoBox than in the table of corpora."""


@dataclasses.dataclass(frozen=True)
class EmoBox(CorpusOption):
    """Settings of EmoBox manifests."""

    name: str = "emobox"
    """This option's name."""
    path: str = location_field("")
    """Folder of one corpus's manifests: data/<corpus> of EmoBox, with label_map.json and fold_1, fold_2, ..."""
    root: str = location_field("")
    """Folder from which relative `wav` entries start; empty means EmoBox's own, two levels above `path`."""
    speaker: str = ""
    """Regular expression over the key, else the wav, whose groups give the speaker, in both quotes, for example
    "corpus.speaker='_(..)$'"; empty uses a field speaker of the lines, the corpus's own rule, or EmoBox's table next to them."""
    text: str = ""
    """Field of the lines that holds the text; empty means no text, because EmoBox's own lines have none."""
    classes: list[str] = dataclasses.field(default_factory=list)
    """Emotions to keep, in order; rows with another label are dropped and counted. Empty keeps all, sorted."""
    merge: list[str] = dataclasses.field(default_factory=list)
    """Classes of label_map.json to rename before anything else, for example [Angry:anger]."""
    similar_names: str = tolerance_field("refuse")
    """Speakers, sessions or classes that differ only in case, spaces, zeros or look-alike letters: refuse or allow."""
    unknown_speakers: str = tolerance_field("refuse")
    """If (almost) every utterance names a different speaker: refuse folds by speaker, or each (accept folds by utterance)."""

    def __post_init__(self) -> None:
        parse_merge(self.merge)
        one_of(self, "similar_names", SIMILAR)
        one_of(self, "unknown_speakers", ACCEPTED)
        try:
            groups = re.compile(self.speaker).groups
        except re.error as error:
            raise SettingError(f"corpus.speaker is not a regular expression: {error}, in {self.speaker!r}") from None
        if self.speaker and not groups:
            raise SettingError(f"corpus.speaker needs a group around the speaker, such as _(..)$; got {self.speaker!r}")

    def terms(self) -> str:
        """Returns the terms of the corpus behind the manifests, by the name of their folder."""
        return _terms_of(Path(self.path).name).text()

    def read(self, cache: Path) -> Corpus:
        """Reads the utterances. Raises CorpusError with the file, line, label or fold that cannot be used."""
        folder = self._folder()
        folds = read_folds(folder)
        lines = join_lines(folder, folds)
        dataset = next(iter(lines.values()))["dataset"]
        emotions, notes = map_labels(folder, lines)
        root = Path(self.root) if self.root else folder.parent.parent
        if self.text and (silent := [key for key, line in lines.items() if self.text not in line]):
            raise CorpusError(f"corpus emobox: corpus.text={self.text}, but {silent[0]} has {', '.join(lines[silent[0]])}")
        rows = {
            "utterance": list(lines),
            "file": [_placed(root, line["wav"]) for line in lines.values()],
            "speaker": speakers_of(folder, lines, self.speaker),
            "emotion": emotions,
            "text": [str(line[self.text]) if self.text else "" for line in lines.values()],
            "start": [line.get(TIMES[0], float("nan")) for line in lines.values()],
            "end": [line.get(TIMES[1], float("nan")) for line in lines.values()],
        }
        table, classes, more = chosen_rows(complete(pd.DataFrame(rows)), self.merge, self.classes, self.similar_names)
        check_some_file("emobox", table["file"].tolist())
        return Corpus(
            name=f"emobox-{dataset}",
            table=table,
            classes=classes,
            dimensions=(),
            licence=_terms_of(dataset).licence or f"that of {dataset}, not known here",
            source=f"manifests of {dataset}, Ma et al., EmoBox, Interspeech 2024, arXiv 2406.07162",
            text_source=f"field {self.text}" if self.text else "none",
            similar_names=self.similar_names,
            unknown_speakers=self.unknown_speakers,
            merged="; ".join(["labels by label_map.json", *notes, *more]),
            parts=parts_of(table["utterance"].tolist(), folds) if folds else None,
        )

    def _folder(self) -> Path:
        """Returns the folder of the manifests."""
        if not self.path:
            raise CorpusError("corpus emobox needs its manifests: add corpus.path=EmoBox/data/CORPUS")
        folder = Path(self.path).absolute()
        if not folder.is_dir():
            raise CorpusError(f"corpus emobox: no folder {folder}; correct corpus.path")
        return folder


def _placed(root: Path, wav: str) -> str:
    """Returns the path of an entry; an entry written on Windows has backslashes."""
    there = root / wav.replace("\\", "/")
    return str((there if "\\" in wav and is_file(there) else root / wav).absolute())


def _terms_of(dataset: str) -> Terms:
    """Returns the terms that the reader of the original release states; empty without such a reader."""
    readers = {reader.name: reader for reader in CorpusOption.__subclasses__()}
    name = OTHERWISE_SPELLED.get(dataset, dataset)
    return readers[name].licence_terms if name in readers else Terms()
