# SPDX-License-Identifier: BSD-3-Clause
"""Time penalised paths of taut and its peers at equal, independently measured accuracy.

Every package runs in a process of its own with fixed thread counts. First a ladder of tolerances,
loose to tight, gives curves of time against duality gap. Then the loosest tolerance that reaches
the target gap is timed again, the packages taking turns, and the medians are compared. Packages
that fail, run out of time or never reach the target stay in the results with the reason.

Examples
--------
::

    python bench/run.py --smoke                  # seconds: does everything work?
    python bench/run.py                          # every problem, all packages
    python bench/run.py --problems sparse-5000x100000-1e-3 --peers taut celer
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import queue
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import venv
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import problems as catalogue
import report
import scipy
import scipy.sparse as sp
from tasks import TASKS

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

HERE = Path(__file__).resolve().parent
PREPARE_LIMIT = 600.0  # seconds for imports, loading and just-in-time compilation


class Worker:
    """A peer's process for one problem; killed with all its children when out of time."""

    def __init__(self, peer, python, folder, threads, packages=None):
        self.peer, self.python, self.folder, self.threads = peer, python, folder, threads
        self.packages = packages  # folder whose packages go before those of the interpreter
        self.process = None
        self.info = {}

    def start(self):
        env = dict(os.environ)
        for name in ("OMP", "OPENBLAS", "MKL", "NUMBA", "BLIS"):
            env[f"{name}_NUM_THREADS"] = str(self.threads)
        if self.packages is not None:
            env["PYTHONPATH"] = str(self.packages)
        command = [self.python, str(HERE / "worker.py"), self.peer]
        with (self.folder / f"log-{self.peer}-{self.threads}.txt").open("a") as log:
            self.process = subprocess.Popen(
                [*command, str(self.folder), str(self.threads)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=env,
                start_new_session=True,
            )
        self.lines = queue.Queue()
        threading.Thread(target=self._read, args=(self.process,), daemon=True).start()
        self.info = self._answer(PREPARE_LIMIT)
        return self.info

    def _read(self, process):
        for line in process.stdout:
            self.lines.put(line)
        self.lines.put(None)

    def _answer(self, limit):
        try:
            line = self.lines.get(timeout=limit)
        except queue.Empty:
            self.stop()
            return {"ok": False, "reason": f"over the time limit of {limit:g} s"}
        if line is None:
            self.stop()
            return {"ok": False, "reason": "the process ended by itself (see its log)"}
        return json.loads(line)

    def solve(self, tol, limit):
        if self.process is None and not self.start()["ok"]:
            return self.info
        self.process.stdin.write(json.dumps({"tol": tol}) + "\n")
        self.process.stdin.flush()
        return self._answer(limit)

    def stop(self):
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None


def interpreter(peer, config):
    """Return the Python that runs this peer, making its environment at first use."""
    requirements = config.get("requirements")
    if requirements is None:
        return sys.executable
    home = HERE / ".envs" / peer
    python = home / ("Scripts" if os.name == "nt" else "bin") / "python"
    if not python.exists():
        print(f"making the environment of {peer} ...", flush=True)
        try:
            venv.create(home, with_pip=True)
            subprocess.run(
                [str(python), "-m", "pip", "install", "-q", "scipy", *requirements], check=True
            )
        except (OSError, subprocess.CalledProcessError):
            shutil.rmtree(home, ignore_errors=True)
            raise
    return str(python)


def bandwidth(n_bytes=400_000_000):
    """Return bytes a second of one thread reading a large array, the best of several passes."""
    from scipy.linalg.blas import dasum

    data = np.ones(n_bytes // 8)
    best = np.inf
    for _ in range(6):
        for read in (dasum, np.sum):
            start = time.perf_counter()
            read(data)
            best = min(best, time.perf_counter() - start)
    return data.nbytes / best


def design_bytes(X):
    return X.data.nbytes + X.indices.nbytes + X.indptr.nbytes if sp.issparse(X) else X.nbytes


def store(problem, folder):
    """Make the problem and write it where the workers read it."""
    X, y, alphas = problem.make()
    if sp.issparse(X):
        for name in ("data", "indices", "indptr"):
            np.save(folder / f"{name}.npy", getattr(X, name))
    else:
        np.save(folder / "X.npy", X)
    np.save(folder / "y.npy", y)
    np.save(folder / "alphas.npy", alphas)
    meta = {"kind": problem.kind, "task": problem.task, "n": problem.n, "p": problem.p}
    (folder / "problem.json").write_text(json.dumps(meta))
    return X, y, alphas


def measure(worker, tol, limit, data, bounds):
    """Solve once and score the coefficients; returns a point of the curve or a reason."""
    load = os.getloadavg()[0]
    answer = worker.solve(tol, limit)
    if not answer["ok"]:
        return {"tol": tol, "ok": False, "reason": answer["reason"]}
    coefs = sp.load_npz(answer["coefs"]).tocsc()
    point = {"tol": tol, "ok": True, "wall": answer["wall"], "cpu": answer["cpu"], "load": load}
    point["nonzeros_last"] = int(coefs[:, -1].count_nonzero())
    if worker.info["comparable"]:
        primal, dual = bounds(*data, coefs)
        point["gap"] = float((primal - dual).max())
        point["primal"], point["dual"] = primal, dual
    return point


def ladder(workers, config, data, bounds, show):
    """Climb the tolerances with all peers in turn; returns {peer: [points]}."""
    curves = {peer: [] for peer in workers}
    open_peers = dict(workers)
    for step in range(max(len(config["peers"][peer]["tols"]) for peer in workers)):
        for peer, worker in list(open_peers.items()):
            tols = config["peers"][peer]["tols"]
            if step >= len(tols):
                del open_peers[peer]
                continue
            point = measure(worker, tols[step], config["time_limit"], data, bounds)
            curves[peer].append(point)
            show(peer, point)
            stop_gap = config["target_gap"] if config["quick"] else config["floor_gap"]
            if not point["ok"] or point.get("gap", 0.0) <= stop_gap:
                del open_peers[peer]
    return curves


def add_suboptimality(points):
    """Bound every point's suboptimality by the best dual values among all points."""
    scored = [point for point in points if "primal" in point]
    if scored:
        best = np.max([point.pop("dual") for point in scored], axis=0)
        for point in scored:
            point["suboptimality"] = float((point.pop("primal") - best).max())


def chosen(points, target):
    """Return the first point that reaches the target gap, or None."""
    for point in points:
        if point["ok"] and point.get("gap", np.inf) <= target:
            return point
    return None


def take_turns(workers, curves, config, data, bounds, show):
    """Time the chosen tolerance of every peer again, round by round."""
    results = {}
    for peer in workers:
        first = chosen(curves[peer], config["target_gap"])
        if first is not None:
            n_runs = config["slow_runs" if first["wall"] > config["slow_seconds"] else "runs"]
            results[peer] = {"tol": first["tol"], "points": [], "n_runs": n_runs}
    for turn in range(config["runs"]):
        for peer, result in results.items():
            if turn < result["n_runs"]:
                point = measure(
                    workers[peer], result["tol"], 2 * config["time_limit"], data, bounds
                )
                result["points"].append(point)
                show(peer, point)
    for result in results.values():
        good = [point for point in result["points"] if point["ok"]]
        result["n_good"] = len(good)
        if good:
            for key in ("wall", "cpu", "gap", "nonzeros_last"):
                result[key] = statistics.median(point[key] for point in good)
    return results


def run_problem(problem, peers, config, speed, out=print):
    """Measure one problem; returns a plain dictionary for the JSON file."""
    threads = config["threads"]
    with tempfile.TemporaryDirectory(prefix="taut-bench-") as name:
        folder = Path(name)
        data = store(problem, folder)
        bounds = TASKS[problem.task].bounds
        floor = design_bytes(data[0]) / speed
        out(f"\n{problem.name}: {problem.reason}; one read of X takes {floor:.4f} s")
        record = {
            "name": problem.name,
            "task": problem.task,
            "criterion": TASKS[problem.task].criterion,
            "reason": problem.reason,
            "n": problem.n,
            "p": problem.p,
            "seed": problem.seed,
            "design_bytes": design_bytes(data[0]),
            "floor_seconds": floor,
            "threads": threads,
            "peers": {},
        }
        workers = {}

        def show(peer, point):
            text = f"  {peer:8s} tol {point['tol']:.0e}  "
            if point["ok"]:
                text += f"wall {point['wall']:8.3f}  cpu {point['cpu']:8.3f}"
                text += f"  gap {point.get('gap', float('nan')):.2e}"
                text += f"  nonzeros {point['nonzeros_last']}  load {point['load']:.1f}"
            else:
                text += point["reason"]
            out(text, flush=True)

        try:
            for peer in peers:
                try:
                    python = interpreter(peer, config["peers"][peer])
                    worker = Worker(peer, python, folder, threads)
                    info = worker.start()
                except (OSError, subprocess.CalledProcessError) as error:
                    info = {"ok": False, "reason": f"no environment: {error}"}
                record["peers"][peer] = {"info": info, "curve": [], "compared": None}
                if info["ok"]:
                    workers[peer] = worker
                else:
                    out(f"  {peer:8s} left out: {info['reason']}")
            if workers:
                curves = ladder(workers, config, data, bounds, show)
                compared = take_turns(workers, curves, config, data, bounds, show)
                every = [point for curve in curves.values() for point in curve]
                every += [point for result in compared.values() for point in result["points"]]
                add_suboptimality(every)
                for peer in workers:
                    record["peers"][peer]["curve"] = curves[peer]
                    record["peers"][peer]["compared"] = compared.get(peer)
        finally:
            for worker in workers.values():
                worker.stop()
    return record


def machine():
    """Return what a reader needs to judge the numbers."""
    cpu = platform.processor()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        cpu = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    return {
        "cpu": cpu,
        "n_cpus": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "load_at_start": os.getloadavg()[0],
    }


def parse(argv, config):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    names = [problem.name for problem in catalogue.PROBLEMS]
    parser.add_argument("--problems", nargs="+", choices=names, metavar="NAME", help=str(names))
    parser.add_argument("--tasks", nargs="+", choices=list(TASKS), metavar="TASK")
    parser.add_argument("--peers", nargs="+", choices=list(config["peers"]), metavar="PEER")
    parser.add_argument("--smoke", action="store_true", help="the small problems only")
    parser.add_argument("--threads", type=int, default=config["threads"])
    parser.add_argument("--runs", type=int, default=config["runs"])
    parser.add_argument("--time-limit", type=float, default=config["time_limit"])
    parser.add_argument("--quick", action="store_true", help="end each ladder at the target gap")
    parser.add_argument("--figure", action="store_true", help="also draw time against gap")
    parser.add_argument("--config", help="another file than bench/config.toml")
    parser.add_argument("--output", type=Path, help="JSON file (default bench/results/DATE.json)")
    return parser.parse_args(argv)


def main(argv=None):
    argv = sys.argv[1:] if argv is None else argv
    first = argparse.ArgumentParser(add_help=False)
    first.add_argument("--config", type=Path, default=HERE / "config.toml")
    config = tomllib.loads(first.parse_known_args(argv)[0].config.read_text())
    options = parse(argv, config)
    config.update(
        threads=options.threads,
        runs=options.runs,
        slow_runs=min(config["slow_runs"], options.runs),
        time_limit=options.time_limit,
        quick=options.quick,
    )
    if options.problems:
        chosen_problems = [catalogue.by_name(name) for name in options.problems]
    else:
        chosen_problems = [q for q in catalogue.PROBLEMS if q.smoke == options.smoke]
    if options.tasks:
        chosen_problems = [q for q in chosen_problems if q.task in options.tasks]
    peers = options.peers or list(config["peers"])
    speed = bandwidth()
    result = {"machine": machine(), "config": config, "bandwidth": speed, "problems": []}
    output = options.output
    if output is None:
        stamp = datetime.now(timezone.utc).strftime("%Y%m%d-%H%M%S")
        output = HERE / "results" / f"{stamp}.json"
    output.parent.mkdir(parents=True, exist_ok=True)
    for problem in chosen_problems:
        result["problems"].append(run_problem(problem, peers, config, speed))
        output.write_text(json.dumps(result, indent=1) + "\n")
    print(f"\n{report.markdown(result)}\n\nresults: {output}")
    if options.figure:
        print(f"figure: {report.figure(result, output.with_suffix('.png'))}")


if __name__ == "__main__":
    main()
