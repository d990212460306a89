"""What the tests of this room share: write a file, read it, look at what came out."""

from pathlib import Path

from rapids_rap.config import CorpusConfig, InputConfig
from rapids_rap.corpus import Corpus
from rapids_rap.corpus.ingest import ingest


def write(folder: Path, name: str, content: str | bytes) -> Path:
    """A file with this content; text is written as UTF-8, its line breaks untouched."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def read(*paths: Path, limit: int = 0, **corpus: object) -> Corpus:
    """The corpus in these paths, with the default columns."""
    return ingest(paths, InputConfig(limit=limit), CorpusConfig(**corpus))


def norms(corpus: Corpus) -> list[str]:
    """`text_norm` of every row."""
    return corpus.lines["text_norm"].tolist()


def gone(corpus: Corpus) -> dict[str, str]:
    """Dropped text -> rule."""
    return dict(zip(corpus.dropped["text"], corpus.dropped["rule"], strict=True))


def check_accounts(corpus: Corpus, *, unit: str = "line") -> None:
    """Read = kept + dropped, in every file, in the tables as in the counts."""
    for count in corpus.files:
        rows = corpus.lines[corpus.lines["file"] == count.path]
        kept = len(rows) if unit == "line" else int(rows["lines"].sum())
        dropped = corpus.dropped[corpus.dropped["file"] == count.path]
        assert count.kept == kept
        assert dict(count.dropped) == dropped["rule"].value_counts().to_dict()
        assert count.read == count.kept + sum(count.dropped.values())
