import subprocess
import sys


def test_a_process_that_judges_nothing_does_not_carry_numpy() -> None:
    code = "import app.main, app.cli, sys; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
