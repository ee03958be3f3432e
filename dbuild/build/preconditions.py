"""What has to be so before any recipe starts: outputs are nobody else's, secrets are set, folders can be written."""

from __future__ import annotations

import os

from dbuild.build.locations import SINGLES
from dbuild.build.settings import Settings
from dbuild.build.survey import Survey
from dbuild.core.plan import Plan
from dbuild.errors import DiskError, UserError
from dbuild.state.store import State


def claim_outputs(settings: Settings, state: State, planned: Plan) -> None:
    """Two Dataflowfiles in one folder must not write the same files. Raises UserError."""
    owners = state.owners()
    for name in planned.targets:
        for output in planned.flow.steps[name].target.outputs:
            flow, target = owners.get(output.path, (settings.flow, name))
            if flow != settings.flow and os.path.exists(os.path.join(settings.root, flow)):
                raise UserError(
                    f'"{output.path}" is already an output of target "{target}" in {flow}',
                    planned.flow.steps[name].target.place,
                    "give one of them another path",
                )
            if (flow, target) != (settings.flow, name) or output.path not in owners:
                state.put_owner(output.path, name)


def check_secrets(planned: Plan) -> None:
    """Secrets that aren't there are said before any recipe starts. Raises UserError."""
    for name, part in planned.targets.items():
        target = planned.flow.steps[name].target
        for secret in target.secrets if part.will or part.may else ():
            if not os.environ.get(secret):
                what = f'the secret {secret} of target "{name}" is not in the environment'
                raise UserError(what, target.place, f"set it where dbuild is called: {secret}=… dbuild")


def check_folders(survey: Survey, planned: Plan) -> None:
    """Folders that can't be written are said before any recipe starts. Raises DiskError."""
    for name, part in planned.targets.items():
        for location in survey.locations[name] if part.will or part.may else ():
            path = os.path.dirname(location.pattern.path(())) if location.root == SINGLES else location.root
            if location.pattern.is_folder and not location.pattern.dimensions:
                path = os.path.dirname(path)  # it is made beside the one that is there, and takes its place
            folder = os.path.join(survey.root, path)
            while not os.path.exists(folder) and folder != os.path.dirname(folder):
                folder = os.path.dirname(folder)
            if not os.path.isdir(folder) or not os.access(folder, os.W_OK | os.X_OK):
                what = f'the folder {path or "."} of target "{name}" can\'t be written'
                where = planned.flow.steps[name].target.place
                raise DiskError(what, where, f"{os.path.relpath(folder, survey.root)} is read-only or no folder")
