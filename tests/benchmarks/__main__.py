"""Every benchmark, one after another, each in a process of its own."""

from __future__ import annotations

import subprocess
import sys

for name in (
    "bench_parse",
    "bench_formats",
    "bench_recognition",
    "bench_diagnosis",
    "bench_export",
    "bench_fetch",
    "bench_timings",
    "bench_watch",
):
    print(f"\n# {name}", flush=True)
    subprocess.run([sys.executable, "-m", f"tests.benchmarks.{name}"], check=True)
