"""`python -m dbuild`, and the script `dbuild`."""

from __future__ import annotations

import sys

from dbuild.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
