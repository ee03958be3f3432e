"""What no test is to depend on: the size of the terminal in which the tests themselves run."""

import os

for name in ("COLUMNS", "LINES"):
    os.environ.pop(name, None)
