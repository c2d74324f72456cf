"""What the suite's servers run: the compiled package, where there is one."""

from pathlib import Path

from tests.e2e.server import COMPILED, program, serving


def test_servers_of_the_suite_are_compiled_as_told(tmp_path: Path) -> None:
    version = program("--version").out
    assert version.rstrip().endswith("(compiled)") == bool(COMPILED), version
    with serving(tmp_path) as server:
        mapped = Path(f"/proc/{server.process.pid}/maps").read_text("utf-8")
    assert ("__mypyc.cpython-" in mapped) == bool(COMPILED)
