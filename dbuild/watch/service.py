"""The loop of a watch: hear, wait, build, tell."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime

from dbuild.build.settings import Settings
from dbuild.core.events import LookedAt
from dbuild.core.vigil import MOST_AT_ONCE, Vigil
from dbuild.core.watching import (
    Changed,
    Circling,
    Failed,
    Kept,
    Mended,
    Missed,
    Noted,
    Stopped,
    Told,
    WatchEvent,
    Watching,
)
from dbuild.errors import UsageError, UserError
from dbuild.state.store import FOLDER
from dbuild.values import replace
from dbuild.watch.answers import Answers
from dbuild.watch.children import Builder, Outcome, Record
from dbuild.watch.claim import Claim
from dbuild.watch.ears import Ears, Kernel, ears_of
from dbuild.watch.heartbeat import BEAT, Heartbeat
from dbuild.watch.looks import Look, looked_at
from dbuild.watch.messengers import Messenger
from dbuild.watch.options import Options
from dbuild.watch.texts import GoodTexts

_NOTHING = LookedAt((), (), ())
_NAMED = 3  # changed paths that are named
_HOPELESS = UsageError.exit_code
_FAREWELL = 10.0  # seconds for what others are told of the last build
Tell = Callable[[WatchEvent], None]


def serve(settings: Settings, targets: Sequence[str], words: Sequence[str], options: Options, tell: Tell) -> int:
    """Watches until it is stopped; the exit code. Raises UserError."""
    claim = Claim(settings)
    claim.take()
    try:
        return asyncio.run(_Service(settings, targets, words, options, tell, claim).run())
    finally:
        claim.release()


class _Service:
    def __init__(
        self,
        settings: Settings,
        targets: Sequence[str],
        words: Sequence[str],
        options: Options,
        tell: Tell,
        claim: Claim,
    ) -> None:
        self._settings = settings
        self._claim = claim
        self._options = options
        self._tell = tell
        self._builder = Builder([*words, "--", *targets])
        self._vigil = Vigil(options.rules, time.monotonic())
        self._woken = asyncio.Event()
        self._look = Look(settings.root, _NOTHING)
        self._texts = GoodTexts(settings)
        self._is_kept = False  # builds take the kept texts
        self._error: Record | None = None  # the last one that was said
        self._has_new_error = False
        self._is_circling = False
        self._notes: list[Record] = []  # what the last build that ran something said besides
        self._is_stopping = False
        # Asked for now: a terminal that was closed isn't known for one any more.
        self._has_terminal = any(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stderr))
        self._was_cut = False
        self._has_begun = False
        self._is_hopeless = False  # from the beginning the project couldn't be built
        self._ears: Ears
        self._heart: Heartbeat
        self._messenger: Messenger | None = None
        self._answers: Answers | None = None

    # -- from the beginning to the end -----------------------------------------------------------------------------

    async def run(self) -> int:
        """Watches until it is stopped; the exit code."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stop)
        loop.add_signal_handler(signal.SIGHUP, self._hang_up)
        async with AsyncExitStack() as stack:
            self._ears = ears_of(self._hear, lambda why: self._tell(Missed(why)), self._options.poll)
            stack.push_async_callback(self._ears.close)
            self._heart = Heartbeat(self._settings, self._ears.kind, since=time.time())
            if self._options.command:
                self._messenger = Messenger(
                    self._options.command, self._settings.root, lambda what: self._tell(Told(what))
                )
                stack.push_async_callback(self._messenger.close, _FAREWELL)
            await self._answer(stack)
            beating = asyncio.ensure_future(self._beat())
            stack.callback(beating.cancel)
            await self._work()
            self._heart.show("stopping")
            self._heart.notify("STOPPING=1")
        if self._is_hopeless:
            return _HOPELESS
        self._tell(Stopped(self._was_cut))
        return 130 if self._was_cut else 0

    async def _answer(self, stack: AsyncExitStack) -> None:
        """Lets other commands ask, where changes are heard of."""
        if not isinstance(self._ears, Kernel):
            return
        path = os.path.join(self._settings.root, FOLDER, f"watch-{self._settings.flow}.sock")
        self._answers = Answers(path, self._ears.journal, self._ears.catch_up)
        stack.push_async_callback(self._answers.close)
        await self._open_answers()

    async def _open_answers(self) -> None:
        try:
            if self._answers is not None:
                await self._answers.open()
        except OSError as error:
            self._tell(Missed(f"other commands can't ask what has changed: {error.strerror}"))

    async def _keep_claim(self) -> None:
        """Takes its place again where the state folder was removed; ends where another watch has taken it."""
        if not self._claim.is_lost:
            return
        try:
            self._claim.renew()
        except UsageError as error:
            self._tell(Missed(error.what))
            self._stop()
        except UserError:
            return  # no folder that can be written: the next beat tries again
        if not self._claim.is_lost:
            await self._open_answers()

    async def _beat(self) -> None:
        while True:
            await self._keep_claim()
            self._ears.catch_up()  # some things nobody tells of: a mount, a folder far above that was moved
            self._heart.beat()
            await asyncio.sleep(BEAT)

    async def _work(self) -> None:
        while not self._is_stopping:
            self._woken.clear()
            wait = self._vigil.wait(time.monotonic(), self._clock(), _time_of_day(time.time()))
            if wait > 0:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait):
                        await self._woken.wait()
            else:
                await self._build()

    def _clock(self) -> float:
        """The moment; with a clock file, what that says now."""
        if self._options.clock is None:
            return self._settings.clock()
        with contextlib.suppress(OSError, ValueError), open(self._options.clock, encoding="utf-8") as stream:
            return _moment_of(stream.read().strip())
        return time.time()

    # -- what comes from outside -----------------------------------------------------------------------------------

    def _hear(self, paths: Sequence[str]) -> None:
        is_idle = self._heart.doing == "waiting"
        self._vigil.hear(time.monotonic())
        self._woken.set()
        if is_idle and self._has_begun:
            named = [os.path.relpath(path, self._settings.root) for path in _ends(paths)]
            self._tell(Changed(tuple(named[:_NAMED]), max(0, len(named) - _NAMED)))
        if is_idle:
            self._heart.show("about to build")

    def _stop(self) -> None:
        """Ends the watch, and the build that runs: a second signal kills what the first one only asked to end."""
        if self._heart.doing == "stopping" and self._messenger is not None:
            self._messenger.hurry()
        self._is_stopping = True
        self._builder.end()
        self._woken.set()

    def _hang_up(self) -> None:
        """A terminal that is closed ends the watch; whoever has none asks by it for a look at everything."""
        if self._has_terminal:
            self._stop()
            return
        self._ears.lose()
        self._vigil.ask(time.monotonic())
        self._woken.set()

    # -- one build -------------------------------------------------------------------------------------------------

    async def _build(self) -> None:
        self._heart.show("building")
        self._ears.catch_up()
        if self._vigil.begin(time.monotonic()):
            self._ears.lose()  # else the build would ask, and take what was heard for all there is
        await asyncio.to_thread(self._texts.look)
        if self._is_stopping:
            return  # no build was cut
        outcome = await self._run()
        if outcome.ending == "project":
            if not self._has_begun:
                self._is_hopeless = self._is_stopping = True
            outcome = await self._build_kept(outcome)
        elif outcome.ending == "done":
            self._is_kept = False
            if not self._texts.confirm():
                self._vigil.hear(time.monotonic())
        self._finish(outcome)
        await self._keep_claim()

    async def _run(self, *words: str) -> Outcome:
        try:
            return await self._builder.build(*words, heard=self._overhear)
        except OSError as error:  # no process or descriptor to be had
            return Outcome(71, error={"kind": "disk", "what": f"no build can be started: {error.strerror}"})

    def _overhear(self, record: Record) -> None:
        """Says at once what a build waits for."""
        if record["event"] == "notice" and record["level"] == "info":
            self._tell(Noted(record))

    async def _build_kept(self, failed: Outcome) -> Outcome:
        """Builds with the project's files as they were when they were last right; `failed` where that is no way."""
        self._say_error(failed)
        if not self._texts or self._is_stopping:
            return failed
        try:
            path = self._texts.write()
        except OSError:
            return failed
        if not self._is_kept:
            self._is_kept = True
            self._tell(Kept())
        outcome = await self._run("--texts", path)
        if outcome.ending != "done":
            return failed
        return replace(outcome, error=failed.error, more_grounds=failed.grounds)

    def _finish(self, outcome: Outcome) -> None:
        self._was_cut |= outcome.ending == "cut" and self._is_stopping
        self._listen(outcome)
        self._ears.catch_up()
        self._vigil.end(time.monotonic(), outcome.ended)
        self._say(outcome)
        self._heart.doing = "about to build" if self._vigil.is_asked else "waiting"
        self._heart.take(outcome.code, outcome.summary, outcome.error, outcome.ended.due, self._ears.folders)
        if not self._has_begun and outcome.ending == "done":
            self._has_begun = True
            self._heart.notify("READY=1", "STATUS=watching")
            self._tell(Watching(self._ears.kind, self._ears.folders))

    def _listen(self, outcome: Outcome) -> None:
        """Hears from now on of what this build looked at; what changed there until now is for another build."""
        look = self._look if outcome.ending != "done" else Look(self._settings.root, _NOTHING)
        for grounds in (outcome.grounds, outcome.more_grounds):
            if grounds is not None:
                look = look.with_more(looked_at(grounds))
        if self._options.clock is not None:
            look = look.with_more(LookedAt((self._options.clock,), (), ()))
        self._look = look
        if self._ears.set(look):
            self._vigil.hear(time.monotonic())

    # -- what is said ----------------------------------------------------------------------------------------------

    def _say(self, outcome: Outcome) -> None:
        if outcome.error is not None or outcome.ending == "machine":
            self._say_error(outcome)
        elif self._error is not None and outcome.ending == "done":
            self._tell(Mended(str(self._error.get("kind"))))
            self._error = None
        if outcome.notes or outcome.ran:
            for note in outcome.notes:
                if note not in self._notes:
                    self._tell(Noted(note))
            self._notes = outcome.notes
        if self._vigil.is_circling and not self._is_circling:
            self._tell(Circling(tuple(sorted(self._vigil.repeated)), MOST_AT_ONCE))
        self._is_circling = self._vigil.is_circling
        if self._messenger is not None and (outcome.has_news or self._has_new_error):
            self._messenger.tell(json.dumps(outcome.report))
        self._has_new_error = False

    def _say_error(self, outcome: Outcome) -> None:
        """Says what was wrong, unless that was said last time."""
        error = outcome.error or {"event": "error", "kind": "fault", "what": _fault(outcome.code)}
        outcome.error = error
        if error != self._error:
            self._error = error
            self._has_new_error = True
            self._tell(Failed(error))


def _ends(paths: Sequence[str]) -> list[str]:
    """The paths without the folders of others among them: a folder changes with what is in it."""
    folders = {os.path.dirname(path) for path in paths}
    for path in tuple(folders):
        while (path := os.path.dirname(path)) not in folders and path != "/":
            folders.add(path)
    return [path for path in paths if path not in folders]


def _fault(code: int) -> str:
    """What is said of a build that ended and didn't say why."""
    if code >= 0:
        return f"a build ended with exit code {code} and said nothing"
    name = signal.Signals(-code).name if -code in signal.valid_signals() else f"signal {-code}"
    short = ": the machine may be short of memory" if -code == signal.SIGKILL else ""
    return f"a build was killed ({name}){short}"


def _time_of_day(moment: float) -> float:
    """Local seconds since midnight."""
    found = datetime.fromtimestamp(moment)
    return found.hour * 3600 + found.minute * 60 + found.second + found.microsecond / 1e6


def _moment_of(text: str) -> float:
    found = datetime.fromisoformat(text)
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
