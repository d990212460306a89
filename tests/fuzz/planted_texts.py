"""Planted songs as text: the researchers' layout, timed lyrics of every spelling, subtitles."""

import random

from tests.fuzz.case import Case
from tests.fuzz.planted import CREDITS, UNSEEN, Song, disguised, nobody, plant, truth_of

HEADINGS = (
    "歌手姓名：{}",
    "歌手姓名:{}",
    "歌手姓名∶ {}",
    "歌手姓名﹕{}",
    "【歌手姓名】：{}",
    "【歌手姓名：{}】",
    "- 歌手姓名：{}",
    "3. 歌手姓名：{}",
    "{unseen}歌手姓名：{}",
    "歌{unseen}手姓名：{}",
    "歌手姓名{unseen}：{}",
    "<b>歌手姓名：{}</b>",
    "歌手姓名&#65306;{}",
    "歌手姓名 ： {}",
    "藝人姓名：{}",
    "歌⼿姓名：{}",
)
TAGS = ("[al:专辑某]", "[by:某站]", "[offset:-500]", "[total:210000]", "[kana:1]", "[id:$00]")
BREAKS = ("\n", "\n", "\r\n", "\r", "\u2028", "<br>\n", "\x0b", "\u2029")


def encoded(rng: random.Random, text: str) -> bytes:
    """In UTF-8, with or without its mark, or in another encoding that holds all of it."""
    coding = rng.choice(("utf-8", "utf-8", "utf-8", "utf-8-sig", "utf-16", "gb18030"))
    return text.encode(coding)


def make_songbook(rng: random.Random, kind: str) -> Case:
    """Artists with songs, in the layout with 歌手姓名, whatever the heading looks like."""
    songs = plant(rng)
    end = rng.choice(BREAKS)
    out: list[str] = []
    for i, song in enumerate(songs):
        if not i or songs[i - 1].artist != song.artist:
            heading = rng.choice(HEADINGS)
            out += ["", _heading(rng, heading, song.artist), ""]
        title = rng.choice(("{}", "{}", "《{}》", "歌名：{}")).format(song.title)
        out += ["", title, "作词：某人", *rng.sample(CREDITS, rng.randrange(3)), ""]
        for line in song.lines:
            out += ["", line] if rng.random() < 0.2 else [line]
    text = end.join(out)
    return Case(kind, {"f.txt": encoded(rng, text)}, truth=truth_of(songs))


def _heading(rng: random.Random, heading: str, artist: str) -> str:
    return heading.format(disguised(rng, artist), unseen=rng.choice(UNSEEN))


def _clock(style: str, at: int) -> str:
    """A stamp of so many milliseconds."""
    minutes, seconds, thousandths = at // 60_000, at // 1_000 % 60, at % 1_000
    hours = f"00:{minutes:02d}"
    return {
        "usual": f"[{minutes:02d}:{seconds:02d}.{thousandths // 10:02d}]",
        "thousandths": f"[{minutes:02d}:{seconds:02d}.{thousandths:03d}]",
        "colon": f"[{minutes:02d}:{seconds:02d}:{thousandths // 10:02d}]",
        "hours": f"[{hours}:{seconds:02d}.{thousandths // 10:02d}]",
        "comma": f"[{minutes:02d}:{seconds:02d},{thousandths // 10:02d}]",
        "suffix": f"[{minutes:02d}:{seconds:02d}.{thousandths // 10:02d}-1]",
        "range": f"[{minutes:02d}:{seconds:02d}.00-{minutes:02d}:{seconds:02d}.90]",
        "wide": f"［{minutes:02d}：{seconds:02d}．{thousandths // 10:02d}］",
        "short": f"[{minutes}:{seconds:02d}.{thousandths // 100}]",
        "round": f"({minutes:02d}:{seconds:02d}.{thousandths // 10:02d})",
        "bare": f"{minutes:02d}:{seconds:02d}.{thousandths // 10:02d} ",
    }[style]


STYLES = ("usual", "thousandths", "colon", "hours", "comma", "suffix", "range", "wide", "short")
LOOSE = ("round", "bare")  # which other programs write; known where most lines have them


def timed(
    rng: random.Random, song: Song, style: str, start: int = 0, *, credited: bool = True
) -> list[str]:
    """The lines of a song with stamps, some with the times of their words."""
    out, at = [], start + rng.randrange(15_000)
    if credited and rng.random() < 0.4:
        out += [_clock(style, start) + credit for credit in rng.sample(CREDITS, 2)]
    for line in song.lines:
        at += rng.randrange(1_100, 9_000)
        blank = rng.choice(("", "", " "))
        out.append(f"{_clock(style, at)}{blank}{line}")
        if rng.random() < 0.1:
            out.append(_clock(style, at + 900))
    return out


def make_songs_lrc(rng: random.Random, kind: str) -> Case:
    """Several songs in one LRC, each below its tags, with clocks of one spelling."""
    songs = plant(rng)
    style = rng.choice((*STYLES, *LOOSE))
    out: list[str] = []
    start = 0
    for song in songs:
        tags = [f"[ar:{disguised(rng, song.artist)}]", f"[ti:{disguised(rng, song.title)}]"]
        tags += rng.sample(TAGS, rng.randrange(3))
        rng.shuffle(tags)
        if rng.random() < 0.15:
            tags = ["".join(tags)]
        out += [*tags, *timed(rng, song, style, start)]
        out += [""] * rng.randrange(2)
        start += rng.choice((0, 0, 0, 60_000))
    name = rng.choice(("f.lrc", "f.txt", "某 - 某.lrc"))
    text = rng.choice(("\n", "\r\n", "\n\n")).join(out)
    return Case(kind, {name: encoded(rng, text)}, truth=truth_of(songs))


def make_restarts(rng: random.Random, kind: str) -> Case:
    """Songs one after the other without names but the first's: only their clocks start again."""
    songs = plant(rng, most=3, least_lines=5)
    out = [f"[ar:{songs[0].artist}]", f"[ti:{songs[0].title}]"]
    for i, song in enumerate(songs):
        lines = timed(rng, song, "usual", credited=False)
        while i and _seconds(lines[0]) + 2 > _seconds(out[-1]):  # a clock that didn't go back
            lines = timed(rng, song, "usual", credited=False)
        out += lines
    first, *others = songs
    truth = truth_of([first])
    for song in others:
        truth |= nobody(truth_of([song], title_told=False))
    return Case(kind, {"f.lrc": "\n".join(out).encode()}, truth=truth)


def _seconds(line: str) -> int:
    """Of the stamp in front of the line, `[01:02.34]`."""
    return 60 * int(line[1:3]) + int(line[4:6])


def make_word_timed(rng: random.Random, kind: str) -> Case:
    """KRC, QRC (also in its XML) and YRC: lines with the times of their words."""
    songs = plant(rng, most=rng.choice((1, 1, 3)), odd=False)
    suffix = rng.choice(("krc", "qrc", "yrc", "qrc.xml"))
    out: list[str] = []
    for song in songs:
        out += [f"[ti:{song.title}]", f"[ar:{song.artist}]"]
        if suffix == "krc":
            out += ["[hash:0123abcd]", "[language:eyJjb250ZW50IjpbXX0=]"]
        if suffix == "yrc":
            out += ['{"t":0,"c":[{"tx":"作词: "},{"tx":"某人"}]}']
        at = 0
        for line in song.lines:
            at += rng.randrange(2_000, 6_000)
            out.append(_words(suffix[:3], line, at))
    text = "\n".join(out)
    name = f"f.{suffix[:3]}" if rng.random() < 0.7 else "f.txt"
    if suffix == "qrc.xml":
        content = text.replace("&", "&amp;").replace('"', "&quot;").replace("\n", "&#10;")
        text = (
            '<?xml version="1.0" encoding="utf-8"?>\n<QrcInfos><LyricInfo LyricCount="1">\n'
            f'<Lyric_1 LyricType="1" LyricContent="{content}"/>\n</LyricInfo></QrcInfos>'
        )
    return Case(kind, {name: text.encode()}, truth=truth_of(songs))


def _words(form: str, line: str, at: int) -> str:
    pieces = [line[i : i + 2] for i in range(0, len(line), 2)]
    head = f"[{at},1900]"
    if form == "krc":
        return head + "".join(f"<{i * 90},90,0>{word}" for i, word in enumerate(pieces))
    if form == "qrc":
        return head + "".join(f"{word}({at + i * 90},90)" for i, word in enumerate(pieces))
    return head + "".join(f"({at + i * 90},90,0){word}" for i, word in enumerate(pieces))


def make_titled_subtitles(rng: random.Random, kind: str) -> Case:
    """SRT, VTT and ASS, a song each, called after its artist and title."""
    files, truth = {}, truth_of([])
    for i, song in enumerate(plant(rng)):
        suffix = rng.choice(("srt", "vtt", "ass"))
        artist, title = song.artist.replace("-", ""), song.title
        song = Song(artist, title, song.lines)
        files[f"{i}/{artist} - {title}.{suffix}"] = _subtitles(rng, song, suffix).encode()
        truth |= truth_of([song])
    return Case(kind, files, truth=truth)


def _subtitles(rng: random.Random, song: Song, suffix: str) -> str:
    heads = {"srt": [], "vtt": ["WEBVTT", ""], "ass": ["[Script Info]", "", "[Events]"]}
    out: list[str] = heads[suffix]
    dot = "," if suffix == "srt" else "."
    for number, line in enumerate(song.lines, start=1):
        if suffix == "ass":
            effect = rng.choice(("", r"{\k20}", r"{\an8\fad(1,2)}"))
            out.append(f"Dialogue: 0,0:00:{number:02d}.00,0:00:59.00,D,,0,0,0,,{effect}{line}")
        else:
            out += [str(number)] * (suffix == "srt" or rng.random() < 0.5)
            out += [f"00:00:{number:02d}{dot}000 --> 00:00:{number:02d}{dot}900", line, ""]
    return rng.choice(("\n", "\r\n")).join(out)
