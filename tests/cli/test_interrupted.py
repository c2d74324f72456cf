"""Ctrl-C while the program is still being read in ends it quietly."""

import subprocess
import sys

import pytest

SCRIPT = """
import sys

class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name == sys.argv[1]:
            raise KeyboardInterrupt

sys.meta_path.insert(0, Interrupt())
sys.modules.pop(sys.argv[1], None)
from counterfoil.__main__ import main
main()
"""


@pytest.mark.parametrize("module", ["importlib.metadata", "cyclopts", "counterfoil.cli.serving"])
def test_an_interrupt_in_the_first_moment_shows_no_traceback(module: str) -> None:
    run = [sys.executable, "-c", SCRIPT, module]
    done = subprocess.run(run, check=False, capture_output=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"")
