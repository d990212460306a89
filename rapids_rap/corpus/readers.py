"""Which reader a file gets: by its suffix, else by how it begins, named or found in a folder."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from rapids_rap.config import InputConfig
from rapids_rap.corpus.columns import folder_values
from rapids_rap.corpus.decode import decode
from rapids_rap.corpus.markup import spells_out_breaks, unescape
from rapids_rap.corpus.readers_columns import read_parquet, read_xlsx
from rapids_rap.corpus.readers_json import looks_like_json, read_json, read_json_lines
from rapids_rap.corpus.readers_lrc import read_lrc
from rapids_rap.corpus.readers_subtitles import is_subtitles, read_subtitles
from rapids_rap.corpus.readers_table import header_delimiter, read_table
from rapids_rap.corpus.readers_text import opens_artist, read_text
from rapids_rap.corpus.source import Lines, Source, numbered_lines
from rapids_rap.errors import InputError, NoLyricsError

_HEAD = 100  # lines in which a subtitle file is known
_XML = re.compile(r"\s*(?:<\?xml|<tt[\s>]|<QrcInfos)", re.I)
_QRC = re.compile(r'LyricContent="([^"]*)"')
_NOT_READ = {
    b"krc1": "Kugou's encrypted KRC",
    b"\xd0\xcf\x11\xe0": "Excel's format before 2007 (or Word's)",
    b"{\\rt": "RTF",
    b"%PDF": "a PDF",
}
_HTML = re.compile(
    r"\s*(?:<\?xml[^<>]{0,200}>\s*)?(?:<!--[^<>]{0,400}-->\s*)?"
    r"<(?:!doctype\s{1,9}html\b[^<>]{0,400}|(?:html|head|body|meta|script)(?:\s[^<>]{0,200}=[^<>]{0,400})?)>",
    re.I,
)


def read_source(data: bytes, path: Path, label: str, config: InputConfig) -> tuple[Source, str]:
    """The lines of a file and the encoding that it was read in. Raises InputError, naming it."""
    suffix, folders = path.suffix.lower(), folder_values(path)
    if not data and suffix in (".parquet", ".xlsx", ".xlsm", ".json"):
        kind = suffix.removeprefix(".").capitalize()
        raise NoLyricsError(f"{label}: can't be read as {kind}: it is empty.")
    if suffix == ".parquet" or (not suffix and data.startswith(b"PAR1")):
        return read_parquet(data, label, config, folders), "utf-8"
    if suffix in (".xlsx", ".xlsm"):
        return read_xlsx(data, label, config, folders), "utf-8"
    refuse_other_bytes(data, label)
    decoded = decode(data, label, config.encoding)
    text = decoded.text
    refuse_pages(text, label)
    if suffix in (".jsonl", ".ndjson"):
        source = read_json_lines(text, label, config, folders)
    elif suffix in (".csv", ".tsv"):
        source = read_table(text, label, suffix, config, folders)
    elif suffix == ".json" or looks_like_json(text):
        source = read_json(text, path, label, config, folders)
    else:
        source = _from_text(text, path, label, config, folders)
    source.notes += filter(None, [decoded.note])
    return source, decoded.encoding


def refuse_other_bytes(data: bytes, label: str) -> None:
    """Raise InputError for a file that begins as one of a format that is no text does."""
    found = _NOT_READ.get(
        data.lstrip(b"\xef\xbb\xbf \t\r\n")[:4] if data[:1] in b"\xef \t\r\n" else data[:4]
    )
    if found:
        raise InputError(
            f"{label}: is {found}, which is not read; save it as text, LRC, XLSX or CSV."
        )


def refuse_pages(text: str, label: str) -> None:
    """Raise InputError for a text that begins as a web page does."""
    if _HTML.match(text):
        raise InputError(
            f"{label}: is a web page (HTML), which is not read; save its lyrics as text."
        )


def _from_text(
    text: str, path: Path, label: str, config: InputConfig, folders: dict[str, str | None]
) -> Source:
    """A text file in whichever layout it is: a table, subtitles, XML of QQ, or lyrics."""
    first = next((line for line in text[:10_000].splitlines() if line.strip()), "")
    delimiter = header_delimiter(first, config) if path.suffix.lower() != ".lrc" else None
    if delimiter is not None:
        suffix = ".tsv" if delimiter == "\t" else ".csv"
        return read_table(text, label, suffix, config, folders)
    if _XML.match(text):
        return _from_xml(text, path, label)
    lines = numbered_lines(text)
    if is_subtitles([line for _, line in lines[:_HEAD]]):
        source = read_subtitles(lines, path)
        _name_by_folders(source, folders, config)
        return source
    source = read_text(lines, path)
    finish_text(source, folders, config, *odd_lines(text, lines))
    return source


def odd_lines(text: str, lines: Lines) -> tuple[int, int]:
    """How many lines of a text spell out line breaks, and how many hold tabs."""
    spelled = sum(map(spells_out_breaks, text.split("\n"))) if "\\n" in text else 0
    return spelled, sum("\t" in line for _, line in lines)


def finish_text(
    source: Source,
    folders: dict[str, str | None],
    config: InputConfig,
    spelled: int,
    tabs: int,
) -> None:
    """What only the whole of a text tells. spelled, tabs: of `odd_lines`."""
    _name_by_folders(source, folders, config)
    if spelled:
        source.notes.append(f"the two characters \\n are read as line breaks in {spelled:,} lines")
    if tabs > 1 and 2 * tabs > len(source.text):
        source.notes.append(
            f"{tabs:,} lines hold tabs; if it is a table, its first line must name its columns, "
            f"among them the lyrics (--set input.text=NAME) and an artist or a song"
        )


def is_songbook(text: str, config: InputConfig) -> bool:
    """Whether a text file (`.txt`) that begins so, for 100 lines, is in the researchers' layout."""
    first = next((line for line in text[:10_000].splitlines() if line.strip()), "")
    if looks_like_json(text) or header_delimiter(first, config) or _XML.match(text):
        return False
    lines = numbered_lines(text)
    if len(lines) < _HEAD or is_subtitles([line for _, line in lines[:_HEAD]]):
        return False
    return any(opens_artist(line) for _, line in lines)


def _name_by_folders(source: Source, folders: dict[str, str | None], config: InputConfig) -> None:
    """Give what folders called `artist=NAME` say to the lines that nothing else names."""
    artist, title = folders.get(config.artist), folders.get(config.song)
    if artist or title:
        source.groups[:] = [
            replace(
                group,
                artist=group.artist or artist,
                title=group.title or title,
                is_song=group.is_song or bool(title),
            )
            for group in source.groups
        ]


def _from_xml(text: str, path: Path, label: str) -> Source:
    """QQ's QRC stands in an attribute of XML; other XML is no text."""
    content = _QRC.search(text)
    if content is None:
        raise InputError(
            f"{label}: is XML (TTML, perhaps), which is not read; convert it to LRC or SRT."
        )
    return read_lrc(numbered_lines(unescape(content[1])), path)
