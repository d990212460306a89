"""The program `rapids-rap`: signals are answered before anything large is imported."""

from __future__ import annotations

from typing import NoReturn

from rapids_rap import stopping


def main() -> NoReturn:
    """Run the command line; see `cli`."""
    stopping.end_at_once()
    from rapids_rap.cli import main as run_command

    run_command()


if __name__ == "__main__":
    main()
