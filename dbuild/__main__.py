"""`python -m dbuild`, and the script `dbuild`."""

from __future__ import annotations

import gc
import sys

# Objects made beyond those that went before Python looks for cycles. A build makes a dozen for each partition that live
# until it ends, and next to no cycles: to go through all of them at every 700 is a fifth of preparing a large run.
CYCLES_SOUGHT_AT = 50_000


def main() -> int:
    """Runs the command line and returns its exit code, also where it is interrupted while it is still imported."""
    gc.set_threshold(CYCLES_SOUGHT_AT, 20, 20)
    try:
        if sys.argv[1:2] == ["--complete"]:  # asked by a shell at each tab: nothing of commands is loaded
            from dbuild.cli.completing import complete

            return complete(sys.argv[2:])
        from dbuild.cli.main import main as run

        return run()
    except KeyboardInterrupt:
        return 130
    finally:
        # Before it ends, Python looks for cycles among all there is: a tenth of a small build, for nothing. Not where
        # DuckDB was loaded, which tells on the terminal of all that it takes for lost then.
        if "_duckdb" not in sys.modules:
            gc.freeze()


if __name__ == "__main__":
    sys.exit(main())
