"""Nodes that differ from the driver are left out by name; what they were to train costs no retry."""

from types import SimpleNamespace

import pytest

from cluster.transfer.node_facts import MISSING, PROGRAM, difference, node_facts
from cluster.trial import PROTOCOL, Trial, payload, train_trial
from cluster.tune.fair_share import FairShare
from cluster.tune.home import Home
from cluster.tune.nodes import LOOK, Nodes
from cluster.tune.resources import Cluster
from cluster.tune.tune_adapter import HandedTrials
from ser_core.cross_validation.records import FoldKey, RunStore
from ser_core.errors import BridgeworkError, SettingError

TRIAL = Trial("it", 0, ("no.such=key",), (FoldKey("print", "split", 1),))


@pytest.fixture
def nodes(monkeypatch):
    """A joined cluster of two nodes and a head without cores."""
    listed = [
        {"NodeID": name, "Alive": True, "NodeManagerHostname": f"host-{name}", "NodeManagerAddress": "10.0.0.1"}
        | {"Resources": {"CPU": cores} if cores else {}}
        for name, cores in (("head", 0), ("a", 2), ("b", 4))
    ]
    monkeypatch.setattr("ray.nodes", lambda: listed)
    return Nodes(Cluster(address="auto"))


@pytest.fixture
def home(nodes, tmp_path):
    return Home(RunStore(tmp_path / "store"), tmp_path, nodes)


def test_nodes_are_left_out_by_name_until_none_is_left(nodes, capsys):
    assert nodes.selector() == {} and nodes.resource("CPU") == 6
    nodes.leave_out("b", "it has PyTorch 1")
    nodes.leave_out("b", "it has PyTorch 1")
    said = " ".join(capsys.readouterr().err.split())
    assert said == "note: node host-b (10.0.0.1) is left out: it has PyTorch 1. Its folds go to other nodes"
    assert nodes.selector() == {"bundle_label_selector": [{"ray.io/node-id": "!in(b)"}]} and nodes.resource("CPU") == 2
    with pytest.raises(BridgeworkError, match=r"no node .* Node host-a \(10.0.0.1\): no corpus. Other nodes differ, too."):
        nodes.leave_out("a", "no corpus")


def test_a_report_of_another_version_or_of_a_node_that_differs_is_refused(home):
    fit = {"piece": 0, "fold": 1, "failure": "", "protocol": PROTOCOL}
    assert not home.refuses("one", fit)
    assert home.refuses("two", {"fold": 1, "hostname": "host-a", "node_ip": "10.0.0.1"})
    assert "another version" in home.nodes.left_out["a"]
    with pytest.raises(BridgeworkError, match="no node"):
        home.refuses("three", {**fit, "unfit": "b", "failure": "no corpus"})
    assert home.refused == {"two", "three"}
    assert [each.retries for each in HandedTrials([(TRIAL, [1])], 2).again(error=False, refused=True)] == [2]


@pytest.mark.parametrize("facts", [{"Python": "2.7"}, node_facts()])
def test_a_worker_that_differs_or_cannot_plan_says_so_and_trains_nothing(facts, home, monkeypatch):
    reports = []
    monkeypatch.setattr("ray.tune.report", reports.append)
    monkeypatch.setattr("cluster.trial.node_id", lambda: "a")
    train_trial(payload([(TRIAL, [1]), (TRIAL, [1])], home.store.folder, home={**home.described([]), "facts": facts}))
    (report,) = reports
    assert report["unfit"] == "a" and report["protocol"] == PROTOCOL
    assert ("2.7" if len(facts) == 1 else "no.such") in report["failure"]


def test_facts_of_this_program_are_those_of_itself():
    facts = node_facts()
    assert difference(facts, facts) == "" and MISSING not in facts.values()
    assert "source files of Bridgework differ" in difference({**facts, PROGRAM: "0"}, facts)
    assert "it has no Bridgework, the driver has" in difference({**facts, PROGRAM: MISSING}, facts)


def test_a_ray_of_our_own_is_not_checked(tmp_path):
    home = Home(RunStore(tmp_path), tmp_path)
    assert home.described([])["facts"] == {} and home.described([])["selector"] == {}
    assert not home.refuses("one", {"unfit": "a"})


def node(name: str, cores: float) -> dict:
    place = {"NodeManagerHostname": f"host-{name}", "NodeManagerAddress": "10.0.0.1"}
    return {"NodeID": name, "Alive": True, **place, "Resources": {"CPU": cores}}


@pytest.fixture
def clock(monkeypatch):
    """A clock that a test moves on, and no other studies on the cluster."""
    now = SimpleNamespace(seconds=1000.0)
    monkeypatch.setattr("cluster.tune.nodes.time.monotonic", lambda: now.seconds)
    monkeypatch.setattr(FairShare, "update", lambda self: self.share)
    return now


def test_trials_at_once_follow_the_nodes_of_a_joined_cluster(nodes, clock, monkeypatch):
    assert nodes.trials_at_once() == 6
    monkeypatch.setattr("ray.nodes", lambda: [node("a", 2), node("b", 4), node("c", 10)])
    assert nodes.trials_at_once() == 6, "it looks every few seconds"
    clock.seconds += LOOK
    assert nodes.trials_at_once() == 16
    nodes._share.share = 0.25
    clock.seconds += LOOK
    assert nodes.trials_at_once() == 4
    nodes.leave_out("c", "it differs")
    monkeypatch.setattr("ray.nodes", list)
    clock.seconds += LOOK
    assert nodes.trials_at_once() == 1, "lost nodes may come back"


def test_a_cluster_on_which_no_trial_fits_is_refused_at_once(clock, monkeypatch):
    monkeypatch.setattr("ray.nodes", lambda: [node("a", 1)])
    with pytest.raises(SettingError, match="a trial asks for 2 cores"):
        Nodes(Cluster(address="auto", cpus_per_trial=2)).trials_at_once()


@pytest.mark.parametrize(
    ("cluster", "trials", "expected"),
    [
        ({}, 3, [{"CPU": 1}] * 3),
        ({"workers": 2}, 3, [{"CPU": 1}] * 2),
        ({"gpus_per_trial": 0.5, "cpus_per_trial": 1.5}, 3, [{"CPU": 2, "GPU": 1}] * 2),
        ({"gpus_per_trial": 2}, 10**6, [{"CPU": 1, "GPU": 2}] * 1000),
        ({}, 0, []),
    ],
)
def test_the_autoscaler_is_asked_for_what_the_study_needs(cluster, trials, expected, monkeypatch):
    asked = []
    monkeypatch.setattr("ray.autoscaler.sdk.request_resources", lambda bundles: asked.append(bundles))
    given = Cluster(address="auto", **cluster)
    Nodes(given).request(trials, given.gpus_per_trial)
    assert asked == [expected]
    Nodes(Cluster(**cluster)).request(trials, given.gpus_per_trial)
    assert len(asked) == 1, "a Ray of our own has no autoscaler"
