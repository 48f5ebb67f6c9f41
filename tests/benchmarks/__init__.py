"""Benchmarks: ``python -m tests.benchmarks`` prints every table, side by side in one run."""
