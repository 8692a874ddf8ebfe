"""EmoBox manifests of its exact layout, with made-up lines: cells, folds, speakers, and what is refused."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from ser_core.config.compose import compose
from ser_core.corpus.corpus import Corpus
from ser_core.corpus.emobox import EmoBox
from ser_core.corpus.emodb import EmoDB
from ser_core.errors import CorpusError, SettingError
from tests.shared_material import shared

EMOTIONS = {"03a01Fa": "happy", "08a02Wb": "anger", "14a05Nd": "neutral", "16b10Lc": "boredem"}
LABELS = {"happy": "Happy", "anger": "Angry", "Neutral": "Neutral", "boredem": "Boredom"}


def line(name: str, emotion: str, dataset: str = "emodb", **more: Any) -> dict[str, Any]:
    wav = f"downloads/{dataset}/wav/{name}.wav"
    own = {"key": f"{dataset}-{name}", "dataset": dataset, "wav": wav, "type": "raw", "sample_rate": 16000}
    return {**own, "num_frame": 16000.0, "task": "category", "length": 1.0, "emo": emotion, "channel": 1, **more}


def write(file: Path, lines: Sequence[dict[str, Any]]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(json.dumps(each) + "\n" for each in lines))


def manifest(folder: Path, lines: Sequence[dict[str, Any]], labels: dict[str, str], tested: Sequence[Sequence[int]]) -> Path:
    """data/<dataset> with a fold for each entry of `tested`, which says the lines of its test part; an empty WAV per line."""
    dataset = lines[0]["dataset"]
    place = folder / "data" / dataset
    write(place / f"{dataset}.jsonl", lines)
    (place / "label_map.json").write_text(json.dumps(labels))
    for number, test in enumerate(tested, start=1):
        for part, rows in (("test", test), ("train", [row for row in range(len(lines)) if row not in test])):
            write(place / f"fold_{number}" / f"{dataset}_{part}_fold_{number}.jsonl", [lines[row] for row in rows])
    for each in lines:
        (folder / each["wav"]).parent.mkdir(parents=True, exist_ok=True)
        (folder / each["wav"]).touch()
    return place


def emodb(folder: Path) -> Path:
    return manifest(folder, [line(*each) for each in EMOTIONS.items()], LABELS, [[0, 1], [2, 3]])


def read(path: Path, **knobs: Any) -> Corpus:
    return EmoBox(path=str(path), **knobs).read(Path("unused"))


def parts(corpus: Corpus) -> dict[str, list[str]]:
    assert corpus.parts is not None
    return {str(name): cells for name, cells in corpus.parts.to_dict("list").items()}


def test_every_cell_and_every_fold_comes_through(tmp_path: Path) -> None:
    corpus = read(emodb(tmp_path))
    assert corpus.table[["utterance", "file", "speaker", "emotion"]].to_numpy().tolist() == [
        ["emodb-03a01Fa", str(tmp_path / "downloads/emodb/wav/03a01Fa.wav"), "03", "Happy"],
        ["emodb-08a02Wb", str(tmp_path / "downloads/emodb/wav/08a02Wb.wav"), "08", "Angry"],
        ["emodb-14a05Nd", str(tmp_path / "downloads/emodb/wav/14a05Nd.wav"), "14", "Neutral"],
        ["emodb-16b10Lc", str(tmp_path / "downloads/emodb/wav/16b10Lc.wav"), "16", "Boredom"],
    ]
    assert parts(corpus) == {"fold_1": ["test", "test", "train", "train"], "fold_2": ["train", "train", "test", "test"]}
    assert (corpus.name, corpus.licence, corpus.text_source) == ("emobox-emodb", "CC0-1.0", "none")
    assert corpus.merged == "labels by label_map.json; neutral is Neutral of label_map.json"
    assert corpus.classes == ("Angry", "Boredom", "Happy", "Neutral") and corpus.table["start"].isna().all()


def test_labels_can_be_renamed_and_kept_and_the_folds_follow(tmp_path: Path) -> None:
    corpus = read(emodb(tmp_path), merge=["Angry:anger", "Happy:anger"], classes=["Neutral", "anger"])
    assert corpus.classes == ("Neutral", "anger") and corpus.column("emotion").tolist() == ["anger", "anger", "Neutral"]
    assert parts(corpus)["fold_2"] == ["train", "train", "test"]


def test_a_validation_set_is_the_development_part_and_an_absent_utterance_is_in_none(tmp_path: Path) -> None:
    place = emodb(tmp_path)
    write(place / "fold_1/emodb_valid_fold_1.jsonl", [line("14a05Nd", "neutral")])
    write(place / "fold_1/emodb_train_fold_1.jsonl", [])
    assert parts(read(place)) == {"fold_1": ["test", "test", "dev", ""], "fold_2": ["train", "train", "test", "test"]}


def test_folds_without_the_file_of_all_lines_and_lines_without_folds(tmp_path: Path) -> None:
    place = emodb(tmp_path)
    (place / "emodb.jsonl").unlink()
    assert len(read(place)) == 4
    write(tmp_path / "data/bare/emodb.jsonl", [line("03a01Fa", "happy")])
    (tmp_path / "data/bare/label_map.json").write_text(json.dumps(LABELS))
    bare = read(tmp_path / "data/bare")
    assert len(bare) == 1 and bare.parts is None


@pytest.mark.parametrize(
    ("dataset", "name", "speaker"),
    [
        ("emodb", "03a01Fa", "03"),
        ("ravdess", "03-01-06-01-02-01-12", "12"),
        ("cremad", "1001-IEO-ANG-HI", "1001"),
        ("iemocap", "Ses01F_impro01_M000", "Ses01M"),
        ("iemocap", "Ses04M_script01_1b_F012", "Ses04F"),
    ],
)
def test_the_speaker_is_in_the_key_of_known_corpora(tmp_path: Path, dataset: str, name: str, speaker: str) -> None:
    place = manifest(tmp_path, [line(name, "sad", dataset)], {"sad": "Sad"}, [])
    assert read(place).column("speaker").tolist() == [speaker]


def test_other_corpora_need_a_rule_or_emoboxs_own_table(tmp_path: Path) -> None:
    lines = [line("dia0_utt0-dev", "joy", "meld"), line("dia0_utt1-dev", "joy", "meld")]
    place = manifest(tmp_path, lines, {"joy": "Happy"}, [])
    with pytest.raises(CorpusError, match=r"do not name speakers; say with .corpus\.speaker=.* of a key like meld-dia0_utt0-dev"):
        read(place)
    assert read(place, speaker=r"utt(\d)").column("speaker").tolist() == ["0", "1"]
    assert read(place, speaker=r"/(dia\d)_utt\d-dev$").column("speaker").tolist() == ["dia0", "dia0"]
    stm = "meld-dia0_utt0-dev 3 Cleo the Guard 0 2.43 <id=meld-dia0_utt0-dev,lang=en,spk=Cleo the Guard,emotion=joy> joy\n"
    (place / "data.seg.wrd.stm").write_text(stm)
    with pytest.raises(CorpusError, match=r"stm names no speaker for 1 of 2 utterances, first meld-dia0_utt1-dev"):
        read(place)
    (place / "data.seg.wrd.stm").write_text(stm + stm.replace("utt0", "utt1").replace("Cleo the Guard", "Ann"))
    assert read(place).column("speaker").tolist() == ["Cleo the Guard", "Ann"]
    with pytest.raises(CorpusError, match=r"the rule \(x\) names no speaker for 2 of 2"):
        read(place, speaker="(x)")


def test_text_and_segments_are_read_where_the_lines_have_them(tmp_path: Path) -> None:
    place = manifest(tmp_path, [line("03a01Fa", "happy", start_time=0.5, end_time=2, words="Oh.")], LABELS, [])
    corpus = read(place, text="words")
    assert corpus.table[["text", "start", "end"]].to_numpy().tolist() == [["Oh.", 0.5, 2.0]]
    with pytest.raises(CorpusError, match=r"corpus\.text=said, but emodb-03a01Fa has key, dataset"):
        read(place, text="said")


def test_the_terms_are_those_of_the_corpus_behind_the_manifests() -> None:
    assert "MSP-Podcast agreement" in EmoBox(path="/x/data/msppodcast").terms()
    assert EmoBox(path="/x/data/esd").terms() == ""


def test_what_is_damaged_is_named(tmp_path: Path) -> None:
    place = emodb(tmp_path)
    damages: list[tuple[str, str, str]] = [
        ("emodb.jsonl", "{", r"emodb\.jsonl: it is not JSON: line 1"),
        ("emodb.jsonl", "[]", "it is not a JSON object"),
        ("emodb.jsonl", json.dumps({**line("03a01Fa", "happy"), "emo": ""}), "it has no text in 'emo'"),
        ("emodb.jsonl", json.dumps(line("03a01Fa", "happy", start_time="0")), "start_time is '0', not a number of seconds"),
        ("emodb.jsonl", json.dumps(line("03a01Fa", "anger")), "disagree on emo of emodb-03a01Fa: 'anger' and 'happy'"),
        ("emodb.jsonl", json.dumps(line("x", "sad", "esd")), r"holds several corpora \(emodb, esd\)"),
        ("emodb.jsonl", json.dumps(line("03a01Xa", "envy")), "label 'envy' of emodb-03a01Xa is not in .*; add it there"),
        ("label_map.json", "{", r"label_map\.json cannot be read"),
        ("label_map.json", '{"happy": 1}', "must map each label to a class"),
        (
            "fold_1/emodb_test_fold_1.jsonl",
            json.dumps(line("14a05Nd", "neutral")),
            "fold_1 has .*14a05Nd in train and in test",
        ),
    ]
    for name, text, message in damages:
        whole = (place / name).read_text()
        (place / name).write_text(text)
        with pytest.raises(CorpusError, match=message):
            read(place)
        (place / name).write_text(whole)
    assert len(read(place)) == 4


def test_folds_that_are_not_whole_are_refused(tmp_path: Path) -> None:
    place = emodb(tmp_path)
    file = place / "fold_2/emodb_train_fold_2.jsonl"
    copy = file.with_name("copy_train_fold_2.jsonl")
    copy.write_text(file.read_text())
    with pytest.raises(CorpusError, match=r"needs one file \*_train_fold_2\.jsonl and has copy_train.*, emodb_train"):
        read(place)
    copy.unlink()
    file.unlink()
    with pytest.raises(CorpusError, match=r"needs one file \*_train_fold_2\.jsonl and has none"):
        read(place)
    (place / "fold_1").rename(place / "fold_3")
    with pytest.raises(CorpusError, match=r"has the folds \[2, 3\], which are not all from 1 to 2"):
        read(place)


def test_a_missing_folder_and_wrong_paths_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"add corpus\.path="):
        EmoBox().read(tmp_path)
    with pytest.raises(CorpusError, match=r"no folder .*; correct corpus\.path"):
        read(tmp_path / "no")
    with pytest.raises(CorpusError, match="no lines in"):
        read(tmp_path)
    with pytest.raises(CorpusError, match=r"none of 4 audio files exists, first .*correct corpus\.root"):
        read(emodb(tmp_path), root=str(tmp_path / "elsewhere"))
    composed = compose(["corpus=emobox", f"corpus.path={tmp_path}", r"corpus.speaker='_(\d\d)$'"]).corpus
    assert isinstance(composed, EmoBox) and composed.speaker == r"_(\d\d)$"
    for rule, message in ((r"\d\d", "needs a group"), ("(", "is not a regular expression")):
        with pytest.raises(SettingError, match=message):
            EmoBox(speaker=rule)


@pytest.mark.shared
def test_a_manifest_of_the_real_emodb_reads_as_emodb(tmp_path: Path) -> None:
    root = shared("data", "emodb")
    own = EmoDB(root=str(root)).read(tmp_path)
    lines = [
        {**line(name, emotion), "wav": str(Path(file).relative_to(root))}
        for name, emotion, file in own.table[["utterance", "emotion", "file"]].itertuples(index=False)
    ]
    place = tmp_path / "data/emodb"
    write(place / "emodb.jsonl", lines)
    (place / "label_map.json").write_text(json.dumps({name: name for name in own.classes}))
    corpus = read(place, root=str(root))
    assert len(corpus) == 535 and corpus.classes == own.classes
    columns = ["file", "speaker", "emotion"]
    assert corpus.table[columns].equals(own.table[columns])
    assert corpus.column("utterance").tolist() == [f"emodb-{name}" for name in own.column("utterance")]


def mer(folder: Path, names: Sequence[str], **more: Any) -> Path:
    return manifest(folder, [line(name, "happy", "mer", **more) for name in names], {"happy": "Happy"}, [[0]])


def test_keys_and_speakers_with_spaces_are_read_from_emoboxs_table(tmp_path: Path) -> None:
    names = ["08_sadness_anger a_010.wav", "sample 1 0 1", "a,b=c", "plain"]
    place = mer(tmp_path, names)
    rows = [
        f"mer-{name} 1 Cleo 2 the Guard,{name} 0 1e-05 <id=mer-{name},lang=en,spk=Cleo 2 the Guard,{name},emotion=happy> happy 1"
        for name in names
    ]
    (place / "data.seg.wrd.stm").write_bytes(b"\xef\xbb\xbf" + "\r\n".join(rows).encode())
    corpus = read(place)
    assert corpus.column("utterance").tolist() == sorted(f"mer-{name}" for name in names)
    assert corpus.column("speaker").tolist() == [f"Cleo 2 the Guard,{name}" for name in sorted(names)]


@pytest.mark.parametrize(
    ("field", "cell", "speaker"),
    [
        ("speaker", " Ann ", "Ann"),
        ("speaker_id", 3, "3"),
        ("spk", 3.0, "3"),
        ("speaker", "03", "03"),
        ("speaker", "Zoe\u0308", "Zo\u00eb"),
    ],
)
def test_a_speaker_in_the_lines_comes_before_the_corpus_s_own_rule(
    tmp_path: Path, field: str, cell: object, speaker: str
) -> None:
    for dataset in ("emodb", "mer"):
        place = manifest(tmp_path, [line("03a01Fa", "happy", dataset, **{field: cell})], LABELS, [])
        assert read(place).column("speaker").tolist() == [speaker]
        assert read(place, speaker=r"(0\d)").column("speaker").tolist() == ["03"]


def test_a_speaker_in_some_lines_alone_is_refused(tmp_path: Path) -> None:
    place = manifest(
        tmp_path, [line("a", "happy", speaker="x"), line("b", "happy"), line("c", "happy", speaker=None)], LABELS, []
    )
    with pytest.raises(CorpusError, match="the field speaker of the lines names no speaker for 2 of 3 utterances, first emodb-b"):
        read(place)


def test_lines_as_other_systems_write_them(tmp_path: Path) -> None:
    place = emodb(tmp_path)
    expected = read(place).table
    text = (place / "emodb.jsonl").read_text()
    odd = text.replace('"channel"', '"said": "one\u2028two", "channel"').replace("downloads/emodb", r"downloads\\emodb")
    (place / "emodb.jsonl").write_bytes(b"\xef\xbb\xbf" + odd.replace("\n", "\r\n").encode())
    (place / "label_map.json").write_bytes(b"\xef\xbb\xbf" + json.dumps(LABELS).encode())
    for file in place.glob("fold_*/*.jsonl"):
        file.write_text(file.read_text().replace("downloads/emodb", r"downloads\\emodb"))
    assert read(place).table.equals(expected)
    far = [{**line(*each), "wav": str(tmp_path / "downloads/emodb/wav" / f"{each[0]}.wav")} for each in EMOTIONS.items()]
    manifest(tmp_path, far, LABELS, [])
    (place / "label_map.json").rename(place / "label_dict.json")
    for file in place.glob("fold_*/*.jsonl"):
        file.unlink()
        file.with_name("none").touch()
    for number in (1, 2):
        for folder in place.glob(f"fold_{number}"):
            (folder / "none").unlink()
            folder.rmdir()
    assert read(place, root="/nowhere").table.equals(expected)
    (place / "emodb.jsonl").write_bytes(text.encode() + '{"key": "\u00e9"'.encode("latin-1"))
    with pytest.raises(CorpusError, match=r"line 5 of .*emodb\.jsonl is not in UTF-8; save the file as UTF-8"):
        read(place)


def test_a_rule_sees_dots_in_the_name_of_a_wav(tmp_path: Path) -> None:
    corpus = read(mer(tmp_path, ["a.01", "b.02"]), speaker=r"/(\w)\.0\d$")
    assert corpus.column("speaker").tolist() == ["a", "b"]


def test_utterances_as_speakers_are_told(tmp_path: Path) -> None:
    place = mer(tmp_path, ["one", "two", "three"])
    rows = [f"mer-{n} 1 {n} 0 1 <id=mer-{n},lang=en,spk={n},emotion=happy> x\n" for n in ("one", "two", "three")]
    (place / "data.seg.wrd.stm").write_text("".join(rows))
    assert read(place).notices[0].startswith("speakers are not known: every utterance names another speaker")
    assert read(place, unknown_speakers="each").unknown_speakers == "each"
    with pytest.raises(SettingError, match=r"corpus\.unknown_speakers must be one of refuse, each"):
        EmoBox(unknown_speakers="one")
