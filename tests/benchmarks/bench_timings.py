"""Steps' seconds out of the durations of many builds: how honest the bars are, time, and memory.

Run from the repository's root::

    python -m tests.benchmarks.bench_timings             # all of it
    python -m tests.benchmarks.bench_timings --fleets    # the recorded fleets only

First the recorded fleets, beside their truth: ``harvest/yields`` is held out. "Long" are steps of more than
a second that ran to their end and whose durations are no group's. Then time and memory, of builds that are
made up: logs of the classic builder with 30 steps, of one image, with a start and a finish as the
API tells them. Each goes through :func:`logparse.parse` and :func:`logparse.timing.estimate`, so all that a user
pays is paid; the share of parsing is told beside it. What steps cost is drawn: commands of lognormal lengths
with a scatter of 10 to 30 % each, copies and metadata that are slow when the machine is busy, a cache that holds
up to one of some steps, one build in eight that fails, and one command that takes twice as long from the middle
of the history on. The truth is what was drawn. Each size has a process of its own, on one core.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from logparse import Build, Log, parse
from logparse.timing import estimate
from tests.benchmarks.fleets import HELD_OUT, KNOWN, LONG, error, held, read_fleets, separable, width

SIZES = (1_000, 10_000)
DOUBLED, FROM_BUILD = "train-model", 40
"""A step of ``retail/price_model`` that takes twice as long from this build on."""
STEPS = 30
SEED = 11
SECONDS, MEMORY = 30, 1e9
"""Goals for the largest size."""
_START = datetime(2024, 1, 1, tzinfo=UTC)
_DAYS = 700


class Fleet:
    """A made-up history of one image."""

    def __init__(self, builds: int, name: str = "image", seed: int = SEED) -> None:
        self.chance = np.random.default_rng(seed)
        self.builds, self.name = builds, name
        self.kinds = ["FROM", *self.chance.choice(["RUN", "COPY", "ENV"], STEPS - 1, p=[0.35, 0.25, 0.4])]
        self.kinds[3] = self.kinds[11] = "RUN"
        of_kind = {"FROM": (0.0002, 0.5), "RUN": (2.0, 1.2), "COPY": (0.15, 0.5), "ENV": (0.09, 0.4)}
        self.typical = np.array(
            [of_kind[kind][0] * np.exp(self.chance.normal(0, of_kind[kind][1])) for kind in self.kinds]
        )
        self.is_command = np.array([kind == "RUN" for kind in self.kinds])
        self.noise = np.where(self.is_command, self.chance.uniform(0.1, 0.3, STEPS), 0.4)
        self.load = np.where(self.is_command, 0.1, 1.0)
        self.cuts = np.sort(self.chance.choice(np.arange(1, STEPS), 6, replace=False))
        self.truth: dict[str, dict[int, float]] = {}
        """Seconds of the steps that ran, by the build's key and the step's index."""

    def logs(self) -> Iterator[Log]:
        """The log of each build, in order of time."""
        chance, busy = self.chance, 0.0
        for number in range(self.builds):
            busy = 0.8 * busy + 0.18 * chance.normal()
            typical = self.typical.copy()
            if number >= self.builds // 2:
                typical[11] *= 2
            seconds = typical * np.exp(self.noise * chance.normal(size=STEPS) + self.load * busy)
            first = int(chance.choice(self.cuts)) if chance.random() < 0.8 else 0
            commands = [step for step in range(first, STEPS) if self.is_command[step]]
            broken = int(chance.choice(commands)) if commands and chance.random() < 0.12 else None
            if broken is not None:
                seconds[broken] *= chance.uniform(0.05, 1.2)
            last = STEPS - 1 if broken is None else broken
            overhead = 0.3 * np.exp(0.3 * chance.normal())
            start = _START + timedelta(days=_DAYS * number / self.builds)
            log = Log(
                data=self._text(number, first, last, broken=broken is not None),
                owner="made",
                name=self.name,
                build_id=f"{number:06}",
                started_at=start,
                finished_at=start + timedelta(seconds=round(seconds[first : last + 1].sum() + overhead, 3)),
            )
            self.truth[log.key] = {step: float(seconds[step]) for step in range(first, last + 1)}
            yield log

    def _text(self, number: int, first: int, last: int, *, broken: bool) -> bytes:
        lines = ["Sending build context to Docker daemon  2.048kB"]
        for step in range(last + 1):
            kind = self.kinds[step]
            words = {
                "FROM": "base:1",
                "RUN": f"make part-{step}",
                "COPY": f"part-{step} ./",
                "ENV": f"P{step}=1",
            }
            lines.append(f"Step {step + 1}/{STEPS} : {kind} {words[kind]}")
            container = f"{number:06x}{step:06x}"
            if step < first and kind != "FROM":
                lines.append(" ---> Using cache")
            elif kind == "RUN":
                lines += [f" ---> Running in {container}", "working", "worked"]
                if broken and step == last:
                    lines.append(f"The command '/bin/sh -c make part-{step}' returned a non-zero code: 2")
                    break
                lines.append(f"Removing intermediate container {container}")
            lines.append(f" ---> {container[::-1]}")
        if not broken:
            lines.append(f"Successfully built {number:012x}")
        return "\n".join([*lines, ""]).encode()


def measure(builds: int, images: int) -> dict[str, Any]:
    """Estimate in this process; give figures of it."""
    fleets = [Fleet(builds // images, f"image-{each}", SEED + each) for each in range(images)]
    logs = [log for fleet in fleets for log in fleet.logs()]
    parsing = 0.0

    def parsed() -> Iterator[Build]:
        nonlocal parsing
        for log in logs:
            start = time.process_time()
            [build] = parse(log)
            len(build.steps)
            parsing += time.process_time() - start
            yield build

    start = time.process_time()
    estimates = estimate(parsed())
    seconds = time.process_time() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    hits: dict[bool, list[bool]] = {True: [], False: []}
    errors: list[float] = []
    widths: list[float] = []
    for fleet in fleets:
        for key, truth in fleet.truth.items():
            timings = estimates.timings[key]
            for step, true in truth.items():
                low, high, found = timings[step].low, timings[step].high, timings[step].seconds
                assert low is not None
                assert high is not None
                assert found is not None
                hits[bool(fleet.is_command[step])].append(low <= true <= high)
                if true > 1 and timings[step].group is None:
                    errors.append(abs(found / true - 1))
                    widths.append((high - low) / true)
    return {
        "seconds": seconds,
        "parsing": parsing,
        "peak": peak,
        "held": float(np.mean(hits[True] + hits[False])),
        "held_commands": float(np.mean(hits[True])),
        "error": float(np.median(errors)),
        "width": float(np.median(widths)),
    }


def in_a_process(builds: int, images: int = 1) -> dict[str, Any]:
    """Measure in a process of its own, on one core."""
    command = [sys.executable, "-m", "tests.benchmarks.bench_timings", "--one", str(builds), str(images)]
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    done = subprocess.run(command, capture_output=True, check=True, text=True, env=os.environ | threads)
    made: dict[str, Any] = json.loads(done.stdout)
    return made


def show_fleets() -> None:
    """Print how good the estimates of the recorded fleets are, as a table in Markdown."""
    fleets = read_fleets()
    beside = {name: fleets[name].beside(estimate(fleets[name].builds)) for name in (*KNOWN, HELD_OUT)}
    steps, groups = (pd.concat([beside[name][part] for name in KNOWN]) for part in (0, 1))
    rows = [(f"`{fleets[name].image}`", *beside[name]) for name in KNOWN]
    rows.append(("these four", steps, groups))
    rows.append((f"`{fleets[HELD_OUT].image}`, held out", *beside[HELD_OUT]))
    print("\nBars of 90 % beside the truth: recorded fleets\n")
    print(
        "| fleet | steps that ran | inside | commands inside | long | error | width | sums of groups: error |"
    )
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    for name, steps, groups in rows:
        long, sums = separable(steps), groups[groups["true"] > LONG]
        cells = (
            f"{len(steps):,}",
            f"{held(steps):.1%}",
            f"{held(steps[steps['instruction'] == 'RUN']):.1%}",
            f"{len(long)}",
            f"{error(long):.1%}",
            f"{width(long):.2f}",
            f"{error(sums):.1%} of {len(sums)}" if len(sums) else "-",
        )
        print(" | ".join((f"| {name}", *cells)) + " |")
    print("\nThe step of price_model that doubles, with a build more at a time, is seen to")
    for name, found in fleets["price_model"].noticed(DOUBLED, FROM_BUILD).items():
        words = "never" if found is None else f"with build {found[0]}, which is run {found[1]} of the step"
        print(f"- {'in its latest seconds' if name == 'seconds' else 'as a sudden change'}: {words}")


def show_simulated() -> None:
    """Print time, memory and how good the estimates of made-up fleets are, as a table in Markdown."""
    found = {f"{size:,} of one image": (size, in_a_process(size)) for size in SIZES}
    found[f"{SIZES[-1]:,} of 100 images"] = (SIZES[-1], in_a_process(SIZES[-1], 100))
    print(f"\nBuilds of {STEPS} steps, made up, through parse and estimate, on one core\n")
    print("| builds | time | parsing, of it | a build | memory | inside | commands inside | error | width |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|---:|")
    for name, (size, each) in found.items():
        cells = (
            f"{each['seconds']:.1f} s",
            f"{each['parsing']:.1f} s",
            f"{1000 * each['seconds'] / size:.2f} ms",
            f"{each['peak'] / 1e6:.0f} MB",
            f"{each['held']:.1%}",
            f"{each['held_commands']:.1%}",
            f"{each['error']:.1%}",
            f"{each['width']:.2f}",
        )
        print(" | ".join((f"| {name}", *cells)) + " |")
    print(f"\nGoals: the largest in {SECONDS} s and {MEMORY / 1e6:.0f} MB, about 90 % inside.")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--fleets", action="store_true", help="the recorded fleets only")
    parser.add_argument("--one", nargs=2, type=int, metavar=("BUILDS", "IMAGES"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(measure(*given.one)))
        return
    show_fleets()
    if not given.fleets:
        show_simulated()


if __name__ == "__main__":
    main()
