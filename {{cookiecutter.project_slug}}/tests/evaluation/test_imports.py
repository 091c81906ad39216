import subprocess
import sys

import pytest


@pytest.mark.slow
def test_a_process_without_evaluations_does_not_import_numpy() -> None:
    code = "import app.main, app.cli, sys; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
