"""The names of columns: ours, the names that others use, and which of those a table has but are not read.

A look-alike column is never read silently: a notice names it with the override that would use it.
"""

import difflib
import re
import shlex
from collections.abc import Collection, Mapping, Sequence

ALSO_CALLED = {
    "utterance": "utt utt_id utterance_id segment_id seg_id uttid key",
    "file": "path filepath file_path filename file_name wav wav_path wav_file wavfile audio audio_path audio_file audiofile clip",
    "speaker": "spk spk_id spkid speaker_id speakerid spkr spkr_id spkrid actor actor_id actorid participant participant_id "
    "subject subject_id client_id talker talker_id speaker_name sprecher",
    "gender": "sex speaker_gender speaker_sex geschlecht",
    "session": "session_id ses_id sess dialogue dialogue_id dialog dialog_id conversation conversation_id",
    "text": "transcript transcription transcriptions sentence utterance_text words normalized_text transkript",
    "emotion": "label labels emo emotions emotion_label emotion_class emo_class emoclass category class target",
    "split": "partition set subset split_set fold_split",
    "script": "script_id scenario prompt_id sentence_id",
    "start": "begin onset start_time starttime start_s start_sec t_start from",
    "end": "stop offset end_time endtime end_s end_sec t_end to",
    "rater": "rater_id annotator annotator_id worker worker_id workerid coder listener listener_id",
}
"""Other names of a column in lower case, from tables in the field."""
DIMENSIONS = {
    "valence": "v val emoval pleasure valenz",
    "arousal": "a aro act activation emoact",
    "dominance": "d dom emodom power control",
}
MEANS = ("mean", "avg", "average")
"""Suffixes of a column with means over raters."""
VOTES_LIKE = re.compile(r"votes?[ _:-]+(?P<label>.+)|vote\.(?P<other>.+)", re.IGNORECASE)
RATER_LIKE = re.compile(
    r"(?:emotion|emo|label|class)[ _:-]*(?P<a>(?:rater|annotator|coder|worker|ann|r|a)[ _:-]*\d+|\d+)"
    r"|(?P<b>(?:rater|annotator|coder|worker)[ _:-]*\d+)(?:[ _:.-]*(?:emotion|emo|label|class))?",
    re.IGNORECASE,
)
OURS_IN_CAPITALS = re.compile(r"(?P<kind>emotion|votes)\.(?P<rest>.+)", re.IGNORECASE)
QUOTED = set(",:{}[]'\"")
"""Characters that separate the entries of a mapping; a name with one of them is quoted there."""


def known_names() -> set[str]:
    """Returns every known header name in lower case, ours and others'."""
    both = {**ALSO_CALLED, **DIMENSIONS}
    return {*both, *(name for names in both.values() for name in names.split())}


def likely(name: str, present: Sequence[str]) -> str:
    """Returns the column that one of our names probably means; "" if none is similar.

    >>> likely("speaker", ["File", "Spk_ID"]), likely("speaker", ["speeker"]), likely("file", ["speaker"])
    ('Spk_ID', 'speeker', '')
    """
    others = [name, *ALSO_CALLED.get(name, DIMENSIONS.get(name, "")).split(), *(f"{name}.{mean}" for mean in MEANS)]
    spelled = {_plain(other): rank for rank, other in reversed(list(enumerate(others)))}
    found = [(spelled[_plain(column)], column) for column in present if _plain(column) in spelled]
    if found:
        return min(found)[1]
    return next(iter(difflib.get_close_matches(name, present, n=1, cutoff=0.75)), "")


def missing(name: str, present: Sequence[str], mapped: bool = True) -> str:
    """Returns the addition to a message about a missing column: the nearest existing name, and the remedy.

    With `mapped`, the table's names can be read as ours, and `override` covers all of them at once.

    >>> missing("speaker", ["spk"]), missing("speaker", ["spk"], mapped=False)
    (' (did you mean spk?)', ' (did you mean spk? then rename it to speaker)')
    """
    near = likely(name, present)
    if not near:
        return ""
    return f" (did you mean {shown(near)}?{'' if mapped else f' then rename it to {name}'})"


def override(mapping: Mapping[str, str]) -> str:
    """Returns the override that reads names of the table as ours, quoted for a shell.

    >>> print(override({"spk": "speaker", "my label": "emotion"}))
    'corpus.columns={spk: speaker, my label: emotion}'
    """
    entries = ", ".join(f"{repr(theirs) if set(theirs) & QUOTED else theirs}: {ours}" for theirs, ours in mapping.items())
    return shlex.quote(f"corpus.columns={{{entries}}}")


def shown(name: str) -> str:
    """Returns a column's name for a message, with invisible characters escaped.

    >>> shown("spk"), shown("\\u200bspk")
    ('spk', "'\\\\u200bspk'")
    """
    return name if name.isprintable() and name.strip() == name else ascii(name)


def unread(present: Sequence[str], read: Collection[str]) -> list[tuple[str, str]]:
    """Returns columns that look known but are not read, each with our name for it, in the order of the table.

    `read` are our names that the table has. A look-alike of a dimension comes with the dimension's name, one of votes as
    votes.<label>, and one of raters as emotion.<rater>.
    """
    found = []
    for column in present:
        plain = _plain(column)
        for ours, others in {**ALSO_CALLED, **DIMENSIONS}.items():
            if ours not in read and column not in read and plain in {_plain(other) for other in (ours, *others.split())}:
                found.append((column, ours))
                break
        else:
            if column not in read and (match := OURS_IN_CAPITALS.fullmatch(column)):
                found.append((column, f"{match['kind'].lower()}.{match['rest']}"))
            elif column not in read and (match := VOTES_LIKE.fullmatch(column)):
                found.append((column, f"votes.{match['label'] or match['other']}"))
            elif column not in read and (match := RATER_LIKE.fullmatch(column)):
                found.append((column, f"emotion.{_plain(match['a'] or match['b'])}"))
    return found


def rename(names: Sequence[str], mapping: Mapping[str, str]) -> list[str]:
    """Applies `mapping` to the names. An existing column with one of the new names gets brackets around its name.

    >>> rename(["label", "emotion"], {"label": "emotion"})
    ['emotion', '(emotion)']
    """
    taken = {mapping[name] for name in names if name in mapping}
    return [mapping.get(name, f"({name})" if name in taken else name) for name in names]


def _plain(name: str) -> str:
    """Returns a name for comparison: lower case, without spaces, hyphens, dots and underscores.

    >>> _plain("Speaker ID") == _plain("speaker_id")
    True
    """
    return re.sub(r"[\s._-]+", "", name).lower()
