"""Secrets in texts and streams, however these are cut."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dbuild.execute.masks import Mask


def streamed(mask: Mask, *pieces: bytes) -> bytes:
    shown, held = b"", b""
    for piece in pieces:
        out, held = mask.hide_piece(held + piece)
        shown += out
    return shown + mask.hide_piece(held, is_last=True)[0]


def test_texts() -> None:
    mask = Mask(["abc", "abcdef", "", "x\ny"])
    assert mask.hide("abcdefabcd abc, x\ny, 'x\\ny'") == "******d ***, ***, '***'"
    assert not Mask(["", ""])
    assert Mask([""]).hide("as it is") == "as it is"


def test_every_long_line_of_a_secret_is_hidden() -> None:
    key = "-----BEGIN KEY-----\nMIIEvQIBADAN\n}\n"
    assert Mask([key]).hide("> MIIEvQIBADAN }\n" + key) == "> *** }\n***"


def test_the_end_of_a_stream_waits_only_where_a_secret_may_begin() -> None:
    mask = Mask(["abc", "abcdef"])
    assert mask.hide_piece(b"x\n") == (b"x\n", b"")
    assert mask.hide_piece(b"xab") == (b"x", b"ab")
    assert mask.hide_piece(b"xabc") == (b"x", b"abc")
    assert mask.hide_piece(b"abcx abcdef") == (b"***x ***", b"")
    assert streamed(mask, b"abc", b"d") == b"***d"
    assert streamed(mask, b"ab", b"cde", b"f") == b"***"
    assert streamed(Mask(["aba"]), b"xaba", b"ba") == b"x***ba"


@given(st.lists(st.text("ab", max_size=4), max_size=3), st.text("abc", max_size=30), st.data())
def test_a_stream_is_hidden_as_a_whole_is(secrets: list[str], text: str, data: st.DataObject) -> None:
    mask = Mask(secrets)
    if not mask:
        return
    whole = text.encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=6)))
    pieces = [whole[start:end] for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    assert streamed(mask, *pieces) == mask.hide(text).encode()
