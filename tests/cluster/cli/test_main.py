"""The command line: help for every command, one sentence and exit code 2 for every mistake."""

import itertools
import json
import shlex
import signal
import sys

import pandas as pd
import pytest
import soundfile
from rich.console import Console
from typer.main import get_command

from ablations.studies import STUDIES
from cluster.cli import main as cli
from cluster.run_study import plan_ablation
from cluster.tune.resources import Settings
from ser_core.config.compose import compose
from ser_core.config.override_keys import chosen_options, leaves, present_groups
from ser_core.config.tree import GROUPS, Config
from ser_core.systems import DIFFERS, RECONSTRUCTION, SYSTEMS
from ser_core.weighting import WEIGHTINGS, WeightingOption
from tests.cluster.conftest import SMALL, ser


def commands(group=None, above=()):
    """Every command as the words one types."""
    for name, command in (group or get_command(cli.app)).commands.items():
        yield (*above, name)
        if hasattr(command, "commands"):
            yield from commands(command, (*above, name))


@pytest.fixture
def typed(monkeypatch, capsys, tmp_path, spoken_store):
    """`ser` in this process, where the small demo corpus is spoken already: exit code, standard output, standard error."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bridgework").mkdir()
    (tmp_path / "bridgework" / "cache").symlink_to(spoken_store / "cache")
    monkeypatch.setattr(cli, "console", Console(width=300))
    before = signal.getsignal(signal.SIGTERM)

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["ser", *words])
        try:
            cli.main()
            code = 0
        except SystemExit as end:
            code = end.code or 0
        return code, *capsys.readouterr()

    yield run
    signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize("words", [(), *commands()], ids=" ".join)
def test_every_command_explains_itself(typed, words):
    code, out, err = typed(*words, "--help")
    assert code == 0
    assert "Usage: " in out
    assert err == ""


MISTAKES = {
    "a search without development": (["search", "weights", "folds.dev=none"], "a search decides by development scores"),
    "a rule that the corpus cannot follow": (
        ["run", "folds=loso", "folds.dev=partner"],
        "no speaker outside the test part",
    ),
    "a knob of another rule": (["run", "folds.dev.share=0.1"], "it belongs to utterances"),
    "a command of another group": (["audit"], "did you mean `ser corpus audit`?"),
    "a command of the main group": (["corpus", "report"], "no such command: ser corpus report; did you mean `ser report`?"),
    "a command with a near name": (["ablte"], "did you mean `ser ablate`?"),
    "a command without a near name": (["xyzzy"], "`ser --help` lists all commands"),
    **{
        f"{option} {size} of {words[0]}": (
            [*words, option, size],
            f"{option} is a fraction above 0 and below 1 (.02 is 2 points)",
        )
        for words, option in (
            (["ablate", "fusion", *SMALL], "--margin"),
            (["report", "x"], "--margin"),
            (["report", "x"], "--detect"),
        )
        for size in ("0", "-1", "1", "5", "inf", "nan")
    },
    "a CCC that no study has": (["report", "x", "--metric", "ccc.valence", "--margin", "2"], "above 0 and below 2"),
    "standard errors without an end": (["select", "x", "--margin", "inf"], "--margin is a number of standard errors"),
    **{
        f"{what}, before the corpus is read": (["ablate", *words, "corpus=emodb", "corpus.root=missing"], sentence)
        for what, words, sentence in (
            (
                "a study of two channels",
                ["fusion", "model.text=none"],
                "it needs 2 channels, but this configuration reads only",
            ),
            ("the same by its own search", ["fusion", "model.text=none", "--mode", "retuned"], "it needs 2 channels"),
            ("nothing to hide", ["fusion", "--mode", "masked"], "has no input that could be hidden at test"),
            ("no seeds", ["fusion", "--seeds", "0"], "--seeds must be at least 1"),
        )
    },
    "a study with a near name": (["ablate", "fusoin"], "did you mean fusion?"),
    "no study": (["ablate"], "no study given"),
    "a study with factors": (["ablate", "fusion", "--factor", "optim.batch=16,32"], "fusion is a study with its own variants"),
    "a factor without values": (["ablate", "--factor", "optim.batch"], "write key=value,value"),
    "a factor of an unknown key": (["ablate", *SMALL, "--factor", "optim.batsh=16,32"], "the nearest is optim.batch"),
    "a factor that is set already": (["ablate", *SMALL, "--factor", "optim.epochs=2,3"], "sets optim.epochs itself"),
    "a factor that changes nothing": (
        ["ablate", *SMALL, "--factor", "run.threads=1,2"],
        "threads=2 (run.threads=2) trains exactly what threads=1 trains",
    ),
    "a factor of a task that is not there": (["ablate", *SMALL, "--factor", "tasks.style.weight=0,0.1"], "trains exactly what"),
    "a design without factors": (["ablate", "--design", "path"], "needs factors"),
    "importance of nothing": (["importance", "weights"], "the store has: none yet"),
    "no seeds": (["ablate", "fusion", "--seeds", "0"], "--seeds must be at least 1, got 0"),
    "seed= in a study": (["ablate", "fusion", "seed=3"], "with --seeds"),
    "a key that every variant sets": (["ablate", "fusion", *SMALL, "model.fusion=bridge"], "leave the override out"),
    "an unknown key": (["run", "optim.epoch=3"], "the nearest is optim.epochs"),
    "a knob of another option": (["run", "model.fusion.tokens=4"], "model.fusion=concat has no setting 'tokens'"),
    "a corpus that is not there": (["run", "corpus=ravdess", "corpus.root=nowhere"], "nowhere"),
    "a channel too few": (["run", "model.speech=none", "model.text=none"], "all are none"),
    "a sampler that is none": (["search", "weights", "--sampler", "annealing"], "nsga2, cmaes, grid; got 'annealing'"),
    "no trials": (
        ["search", "weights", "--trials", "0"],
        "a search needs a limit: set --trials, --folds, --hours or --gpu-hours above 0",
    ),
    "a space with a near name": (["search", "weihgts"], "did you mean weights?"),
    "a key of the space": (["search", "weights", *SMALL, "tasks.gender.weight=1"], "the space weights already sets this key"),
    "an option that the space fixes": (["search", "bridge_tokens", *SMALL, "model.fusion=concat"], "already sets this key"),
    "an unknown study": (["report", "fusion"], "the store has: none yet"),
    "an empty store": (["ui"], "nothing to show in"),
    "a dashboard of a server": (["ui", "--tracking", "http://tracking:5000"], "already a server"),
    "an unknown key in options": (["options", "corpus.speaker=3"], "the nearest is corpus.speakers"),
    "a setting of the cluster": (["options", "cluster.retries=-1"], "retries"),
    "a system with a near name": (["run", "system=mmer"], "did you mean mmer2023?"),
    "a system to print": (["systems", "wan2023"], "did you mean wan2024?"),
    "systems without a folder": (["systems", "--json", "nowhere/systems.json"], "does not exist; create it"),
    "a study that sets the system": (["ablate", "wan2024_ablation", *SMALL, "system=cai2021"], "sets system itself"),
    "fusions of one channel": (["ablate", "fusions", *SMALL[:2], "model.text=none"], "needs 2 channels"),
    "tokens of one channel": (["ablate", "bridge_tokens", *SMALL[:2], "model.speech=none"], "reads only text; give another"),
    "a corpus to check": (["corpus", "check", "corpus=emodb", "corpus.root=nowhere"], "nowhere"),
    "a corpus to audit": (["corpus", "audit", "corpus=emodb", "corpus.root=nowhere"], "nowhere"),
    "findings without a folder": (["corpus", "audit", "--json", "nowhere/found.json"], "does not exist; create it"),
    "findings under a name too long": (["corpus", "audit", "--json", "x" * 300], "File name too long"),
    "a store under a name too long": (["studies", "--store", "x" * 300], "File name too long"),
    "an option without effect": (["ablate", "fusion", "--resolution", "4"], "--resolution has no effect without --design frac"),
    "a part of a point": (["search", "weights", *SMALL[:2], "--start", "'optim.epochs=2"], "No closing quotation"),
    "a corpus for a card": (["corpus", "card", "corpus=nemo"], "no such option"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_answered_with_a_sentence(typed, mistake):
    words, expected = MISTAKES[mistake]
    code, _, err = typed(*words)
    assert code == 2
    *notes, error = err.splitlines()
    assert all(note.startswith("note: ") for note in notes)
    assert error.startswith("error: ")
    assert expected in error


def test_a_mistake_in_a_process_of_its_own_leaves_no_traceback(tmp_path):
    ran = ser(tmp_path, "ablate", "fusion", "optim.epochs=none")
    assert ran.code == 2
    assert ran.err.startswith("error: ")
    assert "optim.epochs" in ran.err
    assert ran.loaded == []


def test_studies_of_an_empty_store(typed):
    code, out, _ = typed("studies")
    assert code == 0
    assert "no study in" in out


INSIDE = ["model.speech=checkpoint", "model.speech.tune=1", "model.speech.adapter=lora"]


@pytest.mark.parametrize(
    "overrides", [[], ["model.fusion=bridge", "corpus=table"], INSIDE], ids=["defaults", "chosen", "chosen within a choice"]
)
def test_options_show_every_leaf_with_its_sentence(typed, overrides):
    code, out, _ = typed("options", *overrides)
    assert code == 0
    rows = {cells[1].strip(): cells for cells in (line.split("│") for line in out.splitlines()) if len(cells) == 5}
    names = chosen_options(overrides, GROUPS)
    expected = {**dict(leaves(Config, GROUPS, names)), **dict(leaves(Settings, {}, {}))}
    assert set(expected) | set(present_groups(GROUPS, names)) | {"system", "protocol"} == set(rows) - {""}
    for key, sentence in expected.items():
        assert sentence
        assert rows[key][3].strip().startswith(" ".join(sentence.split())[:60])


def test_options_show_what_a_step_of_each_weighting_costs(typed):
    code, out, _ = typed("options")
    assert code == 0
    lines = out.splitlines()
    (start,) = [number for number, line in enumerate(lines) if line.startswith("│ weighting ")]
    rest = itertools.takewhile(lambda line: line.split("│")[1].isspace(), lines[start + 1 :])
    said = " ".join(" ".join(line.split("│")[3].strip() for line in [lines[start], *rest]).split())
    assert all(f"{name} ({option.cost:.1f})" in said for name, option in WEIGHTINGS.items())
    assert f"In brackets: {WeightingOption.cost_meaning}." in said


@pytest.mark.parametrize("overrides", [["system=wan2024"], ["system=none"]], ids=" ".join)
def test_options_name_the_system(typed, overrides):
    code, out, _ = typed("options", *overrides)
    assert code == 0
    (row,) = [line for line in out.splitlines() if line.startswith("│ system ")]
    assert f"│ {overrides[0].partition('=')[2]} " in row
    (row,) = [line for line in out.splitlines() if line.startswith("│ protocol ")]
    assert "│ own " in row


def test_systems_stand_side_by_side_with_what_is_reconstruction_and_unknown(typed, tmp_path):
    code, out, _ = typed("systems", "--json", "systems.json")
    assert code == 0
    assert all(name in out for name in SYSTEMS)
    for system in SYSTEMS.values():
        said = [*system.departures(RECONSTRUCTION), *system.departures(DIFFERS), *system.unknown, *system.cautions]
        assert all(f"{system.name}: {sentence}" in out for sentence in said)
        assert all(str(figure) in out for figure in system.figures(system.headline))
    assert "…" not in out
    written = json.loads((tmp_path / "systems.json").read_text())
    assert {each["name"]: tuple(each["overrides"]) for each in written} == {n: s.overrides for n, s in SYSTEMS.items()}


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_system_in_full_has_its_overrides_ready_to_copy(typed, name):
    code, out, _ = typed("systems", name)
    system = SYSTEMS[name]
    assert code == 0
    lines = [line.strip() for line in out.splitlines()]
    copied = shlex.split(lines[lines.index(f"system={name} stands for") + 1])
    assert compose(copied) == compose([f"system={name}", *copied[: len(system.channels)]])
    assert all(sentence in out for sentence in (*system.unknown, *system.cautions))


def test_a_study_says_first_what_of_its_systems_is_not_followed_and_notes_what_is_reconstruction(typed, capsys):
    record, _ = plan_ablation(STUDIES["wan2024_ablation"], [*SMALL, "run.device=cpu"], 1, lambda *stage: None)
    assert capsys.readouterr().err.count("Not as in wan2024: model.speech=logmel is not a pre-trained encoder") == 1
    for sentence in SYSTEMS["wan2024"].departures(RECONSTRUCTION):
        assert sum(sentence.rstrip(".") in note for note in record.notes) == 1
    assert record.notes[: len(STUDIES["wan2024_ablation"].notes)] == STUDIES["wan2024_ablation"].notes
    tasks, _ = plan_ablation(STUDIES["tasks"], [*SMALL, "run.device=cpu", "system=cai2021"], 1, lambda *stage: None)
    assert any(note.startswith("Reconstruction in cai2021") for note in tasks.notes)


@pytest.fixture
def damaged(tmp_path):
    """A table corpus of demo utterances, one of them cut short and one empty."""
    corpus = compose([*SMALL]).corpus.read(tmp_path / "cache")
    table = corpus.table[["utterance", "file", "speaker", "gender", "emotion", "text"]].reset_index(drop=True)
    (tmp_path / "audio").mkdir()
    for row, file in enumerate(table["file"]):
        audio, rate = soundfile.read(file)
        soundfile.write(tmp_path / "audio" / f"{row}.wav", audio[: 3 if row == 1 else None], rate)
        table.loc[row, "file"] = f"audio/{row}.wav"
    (tmp_path / "audio" / "2.wav").write_bytes(b"")
    pd.DataFrame(table).to_csv(tmp_path / "table.csv", index=False)
    return ["corpus=table", "corpus.path=table.csv"], table["utterance"].tolist()


def test_corpus_check_lists_what_cannot_be_used(typed, damaged):
    overrides, names = damaged
    code, out, _ = typed("corpus", "check", *overrides)
    assert code == 1
    assert [line.partition(":")[0] for line in out.splitlines()[:-1]] == sorted(names[1:3])
    assert f"{len(names)} utterances, 2 with unusable audio" in out.splitlines()[-1]


def test_damaged_audio_stops_a_run_or_is_skipped_and_counted(typed, damaged):
    overrides, names = damaged
    code, _, err = typed("run", *overrides)
    assert code == 2
    assert "2 of" in err
    assert "run.on_bad_audio=skip" in err
    code, out, _ = typed("corpus", "card", *overrides, "run.on_bad_audio=skip")
    assert code == 0
    facts = {line.split()[0]: line.split()[1] for line in out.splitlines() if len(line.split()) > 1}
    assert facts["skipped"] == "2"
    assert facts["utterances"] == str(len(names) - 2)


def test_corpus_check_of_sound_audio(typed):
    code, out, _ = typed("corpus", "check", *SMALL[:2])
    assert code == 0
    assert "0 with unusable audio" in out


def test_corpus_audit_passes_the_demo_corpus_and_writes_its_findings(typed, tmp_path):
    code, out, _ = typed("corpus", "audit", *SMALL[:2], "--json", "found.json")
    written = json.loads((tmp_path / "found.json").read_text())
    assert code == 0
    assert written["passed"]
    assert all(finding["name"] in out for finding in written["findings"])
    assert written["split"] in out.splitlines()[-1]
    warned = sum(finding["severity"] == "warn" for finding in written["findings"])
    assert out.splitlines()[-1].endswith(f"passed, {warned} warning{'s' * (warned > 1)}" if warned else "passed")


def test_corpus_audit_fails_where_a_recording_is_in_two_parts(typed, tmp_path):
    table = compose([*SMALL]).corpus.read(tmp_path / "bridgework" / "cache").table
    copied = table[["utterance", "file", "speaker", "gender", "emotion", "text"]].copy()
    rows = [copied.index[copied["speaker"] == speaker][0] for speaker in sorted(set(copied["speaker"]))[:2]]
    copied.loc[rows[0], "file"] = copied.loc[rows[1], "file"]
    copied.to_csv(tmp_path / "table.csv", index=False)
    code, out, _ = typed("corpus", "audit", "corpus=table", "corpus.path=table.csv")
    assert code == 1
    assert "identical audio" in out
    assert "failed" in out.splitlines()[-1]


@pytest.mark.parametrize("verb", ["check", "audit", "card"])
def test_a_corpus_is_used_for_the_first_time_once(typed, damaged, tmp_path, monkeypatch, verb):
    overrides, _ = damaged
    monkeypatch.setattr(type(compose(overrides).corpus), "terms", lambda own: "redistribution: not allowed")
    words = ["corpus", verb, *overrides, "run.on_bad_audio=skip", "run.store=fresh", "model.text.buckets=64", "run.device=cpu"]
    told = [typed(*words)[2] for _ in range(2)]
    assert "redistribution: not allowed" in told[0]
    assert "redistribution" not in told[1]
