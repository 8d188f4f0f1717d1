"""A stateful simulator of the Arvados API, for end-to-end tests.

    with Simulator(cluster_id="zzzzz") as sim:
        container = sim.run_container(user="active")
        sim.grant("some-policy", sim.user("active"))
        ...  # talk to sim.host over TLS, trusting sim.ca_pem

Numbers in comments, as in (13.5), are paragraphs of the notes on the Arvados
API that the simulator was written from. What was recorded from a real server
is in tests/data/arvados-recordings, and test_recordings.py holds the
simulator to it.
"""

from . import faults
from .certs import PROFILES
from .simulator import CallFailed, RunningContainer, Simulator

__all__ = ["CallFailed", "PROFILES", "RunningContainer", "Simulator", "faults"]
