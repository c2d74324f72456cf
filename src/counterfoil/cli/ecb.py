"""The European Central Bank's reference rates, out of the XML that it publishes every working day.

`Cube` within `Cube`: one for each day (`time`), in it one for each currency (`currency`, `rate`: so
many of it for one euro). A document type is refused as it begins, so that no entity is ever
declared, let alone expanded. Source: the bank's "Euro foreign exchange reference rates".
"""

from pathlib import Path
from typing import Final
from xml.parsers import expat

from counterfoil.config import SettingsError

CUBE: Final = "http://www.ecb.int/vocabulary/2002-08-01/eurofxref Cube"
Row = list[str]


class Reference:
    """What a document says so far: rows of day, from, to, rate, each with its line."""

    def __init__(self) -> None:
        self.rows: list[tuple[int, Row]] = []
        self._day = ""
        self._parser = expat.ParserCreate(namespace_separator=" ")
        self._parser.StartElementHandler = self._started
        self._parser.StartDoctypeDeclHandler = self._refused

    def read(self, file: Path) -> None:
        """Read the document; raises `SettingsError`."""
        try:
            with file.open("rb") as content:
                self._parser.ParseFile(content)
        except expat.ExpatError as error:
            raise SettingsError(f"{file.name}:{error.lineno}: no XML: {error}") from error
        if not self.rows:
            raise SettingsError(f"{file.name}: no reference rates of the European Central Bank")

    def _started(self, name: str, given: dict[str, str]) -> None:
        if name != CUBE:
            return
        self._day = given.get("time", self._day)
        if "currency" in given:
            row = [self._day, "EUR", given["currency"], given.get("rate", "")]
            self.rows.append((self._parser.CurrentLineNumber, row))

    def _refused(self, *_: object) -> None:
        raise SettingsError(f"line {self._parser.CurrentLineNumber}: a document type is not read")


def is_xml(file: Path) -> bool:
    """Whether the file is XML rather than lines of text."""
    with file.open("rb") as content:
        return content.read(1024).removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<")


def rows(file: Path) -> list[tuple[int, Row]]:
    """The rates of the document as rows, each with its line; raises `SettingsError`."""
    reference = Reference()
    reference.read(file)
    return reference.rows
