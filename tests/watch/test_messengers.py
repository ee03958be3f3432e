"""The command that is told of builds: in order, and in nobody's way when the watch ends."""

from __future__ import annotations

import asyncio
from pathlib import Path

from dbuild.watch.messengers import Messenger

PATIENCE = 60.0


def test_all_is_told_in_order_before_the_end(tmp_path: Path) -> None:
    async def tell() -> list[str]:
        complaints: list[str] = []
        messenger = Messenger("cat >> told; echo >> told", str(tmp_path), complaints.append)
        for text in ("first", "second"):
            messenger.tell(text)
        await messenger.close(PATIENCE)
        return complaints

    assert asyncio.run(tell()) == []
    assert (tmp_path / "told").read_text() == "first\nsecond\n"


def test_who_is_in_a_hurry_does_not_wait_for_a_command_that_hangs(tmp_path: Path) -> None:
    async def end() -> bool:
        messenger = Messenger("echo began > began; sleep 300", str(tmp_path), lambda what: None)
        messenger.tell("first")
        messenger.tell("second")
        closing = asyncio.ensure_future(messenger.close(300.0))
        async with asyncio.timeout(PATIENCE):
            while not (tmp_path / "began").exists():
                await asyncio.sleep(0.01)
        messenger.hurry()
        ended, _ = await asyncio.wait([closing], timeout=PATIENCE)
        return bool(ended)

    assert asyncio.run(end())
