"""Runs a command elsewhere: one readable file, one launcher per kind of cluster, one folder per job.

    ser submit --on slurm ablate fusion submit.nodes=2  -->  <store>/jobs/ablate-fusion-3f9a/{job.json, study.sbatch}  -->  sbatch
To add a launcher, write one file and add it here.
"""

from cluster.submit.launcher import Launcher
from cluster.submit.slurm import Slurm

LAUNCHERS: dict[str, type[Launcher]] = {
    "slurm": Slurm,
}
"""Launchers by the word that follows `--on`."""
