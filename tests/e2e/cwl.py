"""arvados-cwl-runner, and the cwltool it brings, are not everywhere: scripts/lib/requirements-tests.txt says why."""

import sys

import pytest

HAS_CWL = sys.version_info < (3, 13)
needs_cwl = pytest.mark.skipif(not HAS_CWL, reason="arvados-cwl-runner 3.2.1 can't be installed with Python 3.13")
