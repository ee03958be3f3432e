"""`python -m dbuild`, and the script `dbuild`."""

from __future__ import annotations

import sys


def main() -> int:
    """Runs the command line and returns its exit code, also where it is interrupted while it is still imported."""
    try:
        if sys.argv[1:2] == ["--complete"]:  # asked by a shell at each tab: nothing of commands is loaded
            from dbuild.cli.completing import complete

            return complete(sys.argv[2:])
        from dbuild.cli.main import main as run

        return run()
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
