"""What is printed is what was given."""

import pytest

from rapids_rap.cli.console import err, out, print_lines


@pytest.mark.parametrize("console", [out, err])
def test_what_names_an_emoji_or_a_colour_is_printed_as_it_is(console):
    """In a lyric, a file's name and a JSON document alike."""
    told = '{"a": ":heart: [bold]"}'
    with console.capture() as held:
        console.print(told, soft_wrap=True)
        print_lines([told], console)
    assert held.get() == f"{told}\n{told}\n"
