"""Runs a command elsewhere: one readable file, one launcher per kind of cluster, one folder per job.

    ser submit --on slurm ablate fusion submit.nodes=2  -->  <store>/jobs/ablate-fusion-3f9a/{job.json, study.sbatch}  -->  sbatch
To add a launcher, write one file and add it here.
"""

from cluster.submit.kubernetes import Kubernetes
from cluster.submit.launcher import Launcher
from cluster.submit.ray_jobs import RayJobs
from cluster.submit.sky import Sky
from cluster.submit.slurm import Slurm

LAUNCHERS: dict[str, type[Launcher]] = {
    "ray": RayJobs,
    "slurm": Slurm,
    "kubernetes": Kubernetes,
    "sky": Sky,
}
"""Launchers by the word that follows `--on`."""
