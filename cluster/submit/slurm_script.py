"""The text of study.sbatch: what Slurm reads, what every job does, and what a job of several nodes does with Ray.

    job on node 1:  srun head ─── registered? ── srun workers ── all registered? ── ser ablate ... cluster.address=HOST:PORT
    TERM ──> ser ends cleanly ──> its exit code ──> Ray is stopped on every node, its folders are deleted
A job of one node leaves Ray to `ser`. Everything that a job does is in its file; nothing else is read on the nodes.
"""

import re
import shlex
from collections.abc import Mapping, Sequence

from ser_core.errors import SettingError

BEGIN = """
# The job's folder holds its state and, while it runs with several nodes, the token of its Ray.
job={folder}
mkdir -p "$job"
echo running >"$job/state"
echo "== $(date '+%Y-%m-%d %H:%M:%S') job $SLURM_JOB_ID on $SLURM_JOB_NODELIST, requeued ${{SLURM_RESTART_COUNT:-0}} times"

# Nothing of another Ray may come along from the shell that submitted this job.
unset "${{!RAY_@}}"
"""

RAY = r"""
# Ray's settings, for its processes on every node. They are those that `ser` gives to a Ray of its own.
{environment}

# A token of this run, in a file that only you can read, keeps everyone else away from its Ray.
(umask 077 && python -c 'import secrets; print(secrets.token_hex(32), end="")' >"$job/token")
export RAY_AUTH_MODE=token RAY_AUTH_TOKEN_PATH="$job/token"

# Sockets and logs of Ray lie in a folder per job on every node. Paths of sockets are short, so it cannot lie deeper.
export scratch={scratch}/ser-job-$SLURM_JOB_ID-${{SLURM_RESTART_COUNT:-0}}

# Runs Ray on one node until the node is told to end: `ray_node head`, or `ray_node ADDRESS` for a worker.
ray_node() {{
    umask 077
    rm -rf "${{scratch%-*}}"-*  # a run of this job that was killed leaves its folder behind
    mkdir "$scratch" || exit 1
    # Ray has five seconds to end. Only processes of this job have its folder in their command line: your other Rays stay.
    clean_up() {{
        kill $ray
        for second in 1 2 3 4 5; do kill -0 $ray && sleep 1; done
        pkill -KILL -f -- "$scratch/"
        rm -rf "$scratch"
        exit 0
    }} 2>/dev/null
    trap clean_up TERM
    ip=$({address})
    for attempt in 0 1 2 3 4; do
        # Ten ports below those that the kernel gives out, by the job's number: two jobs on a node do not meet.
        # Each attempt takes others, in case somebody else has them. Workers take free ports from the kernel.
        port=$((10000 + (SLURM_JOB_ID + attempt * 757) % 2276 * 10))
        where=(--address="$1")
        if [ "$1" = head ]; then where=(--head --port=$port --include-dashboard=false --ray-client-server-port=$((port + 1))); fi
        echo "$ip:$port" >"$scratch/address"
        ray start "${{where[@]}}" --block --disable-usage-stats --node-ip-address="$ip" --temp-dir="$scratch/ray" \
            --num-cpus={cpus} {gpus}--object-store-memory=209715200 --node-manager-port=$((port + 2)) \
            --object-manager-port=$((port + 3)) --dashboard-agent-listen-port=$((port + 4)) \
            --dashboard-agent-grpc-port=$((port + 5)) --metrics-export-port=$((port + 6)) \
            --runtime-env-agent-port=$((port + 7)) --min-worker-port=0 --max-worker-port=0 >"$scratch/start.log" 2>&1 &
        ray=$!
        wait $ray
        echo "Ray has ended on $(hostname) (attempt $((attempt + 1))): $(grep -v '^ *$' "$scratch/start.log" | tail -n 1)"
        pkill -KILL -f -- "$scratch/"
        rm -rf "$scratch/ray"
        sleep $((2 + attempt * 5))
    done
    rm -rf "$scratch"
    exit 1
}}

# srun starts it on nodes of this job. A step of Slurm does not inherit the cores of its job, so they are named.
on_nodes() {{
    srun --overlap --export=ALL --input=none --cpus-per-task={cpus} --kill-on-bad-exit=0 "${{@:2}}" \
        bash -c "$(declare -f ray_node); ray_node $1" &
}}

# Prints how many nodes are registered. `ray status` answers before the first one is, so Ray's list of nodes is asked.
registered() {{
    timeout 90 python - "$1" 2>/dev/null <<'PYTHON' || echo 0
import logging, sys, ray
ray.init(address=sys.argv[1], log_to_driver=False, logging_level=logging.ERROR)
print(sum(node["Alive"] for node in ray.nodes()))
PYTHON
}}

# `wait_for COUNT PID`: waits until this many nodes are registered, the step with this pid has ended, or patience is over.
wait_for() {{
    local end=$((SECONDS + {patience})) found=0
    while [ "$found" -lt "$1" ] && [ $SECONDS -lt $end ] && kill -0 "$2" 2>/dev/null; do
        sleep 1
        address=$(cat "$scratch/address" 2>/dev/null) && found=$(registered "$address")
    done
    echo "$found of $1 nodes are registered at $address after $SECONDS s"
    [ "$found" -gt 0 ]
}}

# Ends Ray on all nodes: TERM reaches the steps of this job and nothing else.
end_ray() {{
    scancel --signal=TERM "$SLURM_JOB_ID" 2>/dev/null
    timeout 30 tail --pid=$head -f /dev/null
    timeout 30 tail --pid=${{workers:-$head}} -f /dev/null
    rm -f "$job/token"
}}
trap end_ray EXIT
trap 'echo stopped >"$job/state"; exit 143' TERM

on_nodes head --nodes=1 --ntasks=1 --nodelist="$SLURMD_NODENAME"
head=$!
if ! wait_for 1 $head; then
    echo "Ray has not started on $SLURMD_NODENAME; submit the job again, or leave the node out with --exclude"
    echo failed 1 >"$job/state"
    exit 1
fi
others=$((SLURM_JOB_NUM_NODES - 1))
if [ $others -gt 0 ]; then
    on_nodes "$address" --nodes=$others --ntasks=$others --exclude="$SLURMD_NODENAME"
    workers=$!
    wait_for "$SLURM_JOB_NUM_NODES" $workers # a node that does not come is missed, but the study can do without it
fi
"""

DRIVER = """
# The study runs in the background, because bash hands a signal on only while it waits. TERM has the effect of Ctrl-C.
driver= signalled=
trap 'signalled=yes; [ -z "$driver" ] || kill -TERM $driver' TERM
{command} &
driver=$!
[ -z "$signalled" ] || kill -TERM $driver # it came before the number was known
wait $driver
while kill -0 $driver 2>/dev/null; do # a signal ends `wait` before the study has ended
    wait $driver
done
wait $driver # bash remembers: this is the exit code of the study, never that of a `wait` that a signal ended
code=$?

if [ $code = 0 ]; then state=done; elif [ "$signalled" ]; then state=stopped; else state="failed $code"; fi
echo "$state" >"$job/state"
exit $code
"""


def directive(name: str, value: object = None) -> str:
    """Returns a line that Slurm reads. Raises SettingError for a line break in the value.

    >>> directive("chdir", '/data/my "study"')
    '#SBATCH --chdir="/data/my \\\\"study\\\\""'
    """
    if value is None:
        return f"#SBATCH --{name}"
    text = str(value)
    if "\n" in text:
        raise SettingError(f"--{name} in a Slurm file cannot hold a line break; remove it from {text!r}")
    if not re.fullmatch(r"[\w./:%@,+=-]+", text):
        text = '"' + re.sub(r'(["\\])', r"\\\1", text) + '"'
    return f"#SBATCH --{name}={text}"


def shell_command(command: str, words: Sequence[str], address: bool) -> str:
    """Returns the command of the study, in several lines when it is long. Only `command` is not quoted."""
    quoted = [command, *(shlex.quote(word) for word in words), *(['cluster.address="$address"'] if address else [])]
    lines = [quoted[0]]
    for word in quoted[1:]:
        lines += [word] if len(lines[-1]) + len(word) > 110 else [f"{lines.pop()} {word}"]
    return " \\\n    ".join(lines)


def exports(settings: Mapping[str, str]) -> str:
    """Returns lines that set environment variables."""
    return "\n".join(f"export {name}={shlex.quote(value)}" for name, value in settings.items())
