"""What dbuild does for a command: observe, plan, execute, record, report. The one place where core and shell meet."""

from __future__ import annotations

from dbuild.build.loading import Settings
from dbuild.build.reports import explain, lint, log_path, overview, runs, status, tasks
from dbuild.build.session import build, plan

__all__ = ["Settings", "build", "explain", "lint", "log_path", "overview", "plan", "runs", "status", "tasks"]
