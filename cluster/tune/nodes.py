"""Which nodes of a joined cluster may train: all that would train the same folds as the driver. Others are left out by name.

before the first trial:  node_facts on every node --> differs? left out
with each trial:         a worker whose facts, corpus or fold keys differ says so --> left out, its folds go to other nodes
while trials run:        nodes that have joined are used within seconds, by the share that this study may have
"""

import math
import os
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from cluster.notices import print_notices
from cluster.transfer import node_facts
from cluster.tune.fair_share import FairShare
from cluster.tune.resources import Cluster
from ser_core.errors import BridgeworkError, SettingError

ANSWER = 180
"""Seconds that a node has to answer. A busy machine needs long to start a process."""
NODE_LABEL = "ray.io/node-id"
LOOK = 5.0
"""Seconds between two looks at the nodes of a joined cluster."""
MOST_REQUESTED = 1000
"""Trials for which the autoscaler of a cluster is asked at most."""


class Nodes:
    """The nodes of the Ray that runs. On a Ray that we start there is only this machine, and nothing is checked."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster, self.joined = cluster, bool(cluster.address)
        self.facts = node_facts.node_facts() if self.joined else {}
        self.left_out: dict[str, str] = {}
        """Why a node is left out, by its id."""
        self._looked, self._limit = -LOOK, 0
        self._share = FairShare(f"{socket.gethostname()}-{os.getpid()}", cluster.priority)

    def trials_at_once(self) -> int:
        """Returns how many trials may run now, at least 1. On a joined cluster this follows its nodes and other studies."""
        if self._limit and (not self.joined or self.cluster.workers or time.monotonic() - self._looked < LOOK):
            return self._limit
        try:
            able = self.cluster.trials_at_once(self.resource("CPU"), self.resource("GPU"))
        except SettingError:
            if not self._limit:  # nodes that a study has lost may come back
                raise
            able = 1
        self._looked = time.monotonic()
        self._limit = able if self.cluster.workers or not self.joined else max(1, int(able * self._share.update()))
        return self._limit

    def request(self, trials: int, gpus: float) -> None:
        """Asks the cluster's autoscaler, if it has one, for nodes for this many trials. Asking for 0 takes the request back."""
        from ray.autoscaler.sdk import request_resources

        if not self.joined:
            return
        trials = min(trials, self.cluster.workers or MOST_REQUESTED, MOST_REQUESTED)
        shape = {"CPU": max(1, math.ceil(self.cluster.cpus_per_trial)), **({"GPU": math.ceil(gpus)} if gpus else {})}
        # A fraction of a GPU cannot be asked for, so whole ones are, for as many trials as share one.
        count = math.ceil(trials * gpus) if 0 < gpus < 1 else trials
        request_resources(bundles=[shape] * count)

    def close(self) -> None:
        """Takes back what this study asked of a joined cluster. Ray must still run."""
        with suppress(Exception):  # Ray may be going away
            self.request(0, 0)
            self._share.leave()

    @property
    def able(self) -> list[Mapping[str, Any]]:
        """The nodes that can carry a trial and are not left out."""
        import ray

        gpus = self.cluster.gpus_per_trial or (0.001 if self.cluster.share_gpus else 0)
        return [
            node
            for node in ray.nodes()
            if node["Alive"]
            and node["NodeID"] not in self.left_out
            and node["Resources"].get("CPU", 0) >= self.cluster.cpus_per_trial
            and node["Resources"].get("GPU", 0) >= gpus
        ]

    def resource(self, name: str) -> float:
        """Returns how much of a resource the nodes have that are not left out."""
        import ray

        alive = (node for node in ray.nodes() if node["Alive"] and node["NodeID"] not in self.left_out)
        return sum(node["Resources"].get(name, 0) for node in alive)

    def check(self) -> None:
        """Asks every node of a joined cluster for its facts, and leaves out those that differ. Raises as `leave_out`."""
        import ray
        from ray import cloudpickle
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        if not self.joined:
            return
        # By value: a node with an older project, or without one, must be able to run this too.
        cloudpickle.register_pickle_by_value(node_facts)
        try:
            look = ray.remote(num_cpus=0, max_retries=0)(node_facts.node_facts)
            asked = {
                node["NodeID"]: look.options(scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], False)).remote()
                for node in self.able
            }
        finally:
            cloudpickle.unregister_pickle_by_value(node_facts)
        answered, _ = ray.wait([*asked.values()], num_returns=len(asked), timeout=ANSWER) if asked else ([], [])
        for node, answer in asked.items():
            if answer not in answered:
                self.leave_out(node, f"it has not answered within {ANSWER} s; look at its load and at Ray's logs there")
                continue
            try:
                why = node_facts.difference(ray.get(answer), self.facts)
            except Exception as error:  # whatever Ray or the node's Python raises
                lines = [line.strip() for line in str(error).splitlines() if line.strip()]
                why = f"it cannot run a task ({lines[-1] if lines else type(error).__name__}); install the same environment there"
            if why:
                self.leave_out(node, why)

    def leave_out(self, node: str, why: str) -> None:
        """Leaves a node out from now on and says so. Raises BridgeworkError if no node is left."""
        import ray

        if node in self.left_out:
            return
        self.left_out[node] = why
        found = next((each for each in ray.nodes() if each["NodeID"] == node), {})
        name = f"{found.get('NodeManagerHostname', node)} ({found.get('NodeManagerAddress', 'unknown address')})"
        if self.able:
            print_notices([f"node {name} is left out: {why}. Its folds go to other nodes"])
        else:
            others = " Other nodes differ, too." if len(self.left_out) > 1 else ""
            raise BridgeworkError(f"no node of the cluster can train this study. Node {name}: {why}.{others}")

    def selector(self) -> dict[str, Any]:
        """Returns the arguments of a placement group with one bundle that keep a trial off the nodes that are left out."""
        if not self.left_out:
            return {}
        return {"bundle_label_selector": [{NODE_LABEL: f"!in({','.join(sorted(self.left_out))})"}]}

    def named(self, host: str, address: str) -> str:
        """Returns the id of the node with this host name and address, "" if there is none."""
        import ray

        wanted = (host, address)
        nodes = ((node["NodeManagerHostname"], node["NodeManagerAddress"], node["NodeID"]) for node in ray.nodes())
        return next((found for *place, found in nodes if tuple(place) == wanted), "")
