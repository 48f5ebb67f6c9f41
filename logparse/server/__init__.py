"""A local cluster: serves a recorded one over HTTP as Algorithmia's API would.

For tests, the notebook and the demo, in a thread::

    with LocalCluster("fixtures/cluster", token="simLocalClusterKeyOfTheDemo1") as cluster:
        requests.get(f"{cluster.address}/v1/algorithms/acme/sentiment/builds", ...)

and for the command line, until Ctrl-C: :func:`serve`. What can go wrong on the way to a real cluster
is in :mod:`logparse.server.faults`. Needs the ``server`` extra.
"""

from __future__ import annotations

from logparse.server.app import create_app
from logparse.server.faults import Fault, Faults
from logparse.server.recorder import Exchange
from logparse.server.runner import LocalCluster, serve

__all__ = ["Exchange", "Fault", "Faults", "LocalCluster", "create_app", "serve"]
