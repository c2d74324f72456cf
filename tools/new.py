"""Makes a new connector or dialect from its template: `python tools/new.py connector acme`.

Copies `src/counterfoil/connectors/_template/` (or `dialects/`), and in every file and file name
writes `acme` for `_template` and `template`, `Acme` for `Template` and `ACME` for `TEMPLATE`. The
new folder is found by scanning: nothing else is edited.
"""

import keyword
import re
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent.parent
FOLDERS: Final = {"connector": "connectors", "dialect": "dialects"}
NAME: Final = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", re.ASCII)
PACKAGE: Final = re.compile(r"(?<![A-Za-z0-9_])_template\b")
WORD: Final = re.compile(r"(?<![A-Za-z0-9])(template|Template|TEMPLATE)(?![a-z])")
NAME_MAX: Final = 40  # it stands in file names, module paths and settings
USAGE: Final = "usage: new.py connector|dialect NAME"


class NewError(Exception):
    """Nothing was made, and why."""


def create(kind: str, name: str, root: Path = ROOT) -> Path:
    """The new folder; raises `NewError`, and then nothing was written."""
    if kind not in FOLDERS:
        raise NewError(f"there is no template for {kind!r}; {USAGE}")
    if NAME.fullmatch(name) is None or len(name) > NAME_MAX:
        raise NewError(f"{name!r}: a name is lower-case words joined by _, {NAME_MAX} at most")
    if keyword.iskeyword(name) or name == "template":
        raise NewError(f"{name!r} is taken by the language or by the template")
    parent = root / "src" / "counterfoil" / FOLDERS[kind]
    template, target = parent / "_template", parent / name
    if not template.is_dir():
        raise NewError(f"the template is missing: {template.relative_to(root)}")
    if target.exists() or target.with_suffix(".py").exists():
        raise NewError(f"there is one already: {target.relative_to(root)}")
    for source in sorted(template.rglob("*")):
        if source.is_file() and "__pycache__" not in source.parts:
            copy = target / renamed(str(source.relative_to(template)), name)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_text(renamed(source.read_text("utf-8"), name), "utf-8")
    return target


def renamed(text: str, name: str) -> str:
    """The template's text with the new name in its place; longer words are left alone."""
    title = "".join(word.capitalize() for word in name.split("_"))
    words = {"template": name, "Template": title, "TEMPLATE": name.upper()}
    text = PACKAGE.sub(name, text)
    return WORD.sub(lambda match: words[match[0]], text)


def main(arguments: list[str]) -> int:
    """Make what is asked for; gives the exit status."""
    try:
        kind, name = arguments
    except ValueError:
        print(USAGE, file=sys.stderr)
        return 2
    try:
        target = create(kind, name)
    except NewError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"made {target.relative_to(ROOT)}; next: read its __init__.py, then `make check`")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
