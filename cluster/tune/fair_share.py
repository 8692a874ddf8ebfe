"""How studies that run on one cluster at the same time share it: in proportion to `cluster.priority`.

driver --every few seconds--> register("driver", priority) --> registry (one actor per cluster) --> this driver's share, 0 to 1
A study that loses part of its share ends no trial: it starts fewer new ones. A driver that falls silent no longer counts.
"""

import time
from typing import Any

SILENT = 60.0
"""Seconds after which a driver that has not registered again no longer counts."""
NAME, NAMESPACE = "ser-studies", "bridgework"


class Registry:
    """The drivers on a cluster with their priorities."""

    def __init__(self) -> None:
        self._drivers: dict[str, tuple[float, float]] = {}

    def register(self, driver: str, priority: float, now: float | None = None) -> float:
        """Registers a driver for the next minute and returns its share of the cluster. Priority 0 takes it off the list.

        >>> registry = Registry()
        >>> [registry.register(name, weight, now=0.0) for name, weight in (("first", 1.0), ("second", 3.0), ("first", 1.0))]
        [1.0, 0.75, 0.25]
        >>> registry.register("first", 1.0, now=100.0)
        1.0
        """
        now = time.monotonic() if now is None else now
        self._drivers[driver] = (priority, now)
        self._drivers = {name: (weight, seen) for name, (weight, seen) in self._drivers.items() if weight and now - seen < SILENT}
        return priority / (sum(weight for weight, _ in self._drivers.values()) or 1.0)


class FairShare:
    """This driver's share of a cluster that it has joined."""

    def __init__(self, driver: str, priority: float) -> None:
        self.driver, self.priority, self.share = driver, priority, 1.0
        self._asked: Any = None
        self._registry: Any = None

    def update(self) -> float:
        """Returns the last known share and asks for the next one, without waiting for the answer."""
        import ray

        try:
            if self._registry is None:
                self._registry = _registry()
            if self._asked is not None and ray.wait([self._asked], timeout=0)[0]:
                self.share, self._asked = float(ray.get(self._asked)), None  # type: ignore[arg-type]
            if self._asked is None:
                self._asked = self._registry.register.remote(self.driver, self.priority)
        except Exception:  # the node of the registry was lost: until there is another one, this study takes all
            self.share, self._asked, self._registry = 1.0, None, None
        return self.share

    def leave(self) -> None:
        """Takes this driver off the list."""
        if self._registry is not None:
            self._registry.register.remote(self.driver, 0.0)


def _registry() -> Any:
    """Returns the cluster's registry, which the first driver starts."""
    import ray
    from ray import cloudpickle

    from cluster.tune import fair_share

    # By value: the registry may be started on a node with another version of the project.
    cloudpickle.register_pickle_by_value(fair_share)
    try:
        registered = ray.remote(num_cpus=0, max_restarts=-1)(Registry)
        return registered.options(name=NAME, namespace=NAMESPACE, lifetime="detached", get_if_exists=True).remote()
    finally:
        cloudpickle.unregister_pickle_by_value(fair_share)
