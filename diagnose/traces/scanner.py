"""JSON values out of a stream of text, one at a time, however large the document around them is."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable
from typing import Any

CHUNK_BYTES = 256 * 1024
_MARK = re.compile(r'["\\]|[{}\[\]]')
_IN_STRING = re.compile(r'["\\]')
_BLANKS = re.compile(r"[ \t\r\n]*")
_NEAR_END = 16
"""Characters from the end of what was read within which a fault may just be a value that goes on."""


class BrokenValue(ValueError):
    """A value that is no JSON, or that is longer than allowed; `cut` where the text ends in the middle of it."""

    def __init__(self, what: str, cut: bool = False, too_long: bool = False) -> None:
        super().__init__(what)
        self.cut, self.too_long = cut, too_long


class Scanner:
    """Reads values, skips them, and counts the lines it went past. Bytes that are no UTF-8 come out as U+FFFD."""

    def __init__(self, read: Callable[[int], bytes], start: bytes, line: int, most_characters: int) -> None:
        self._read, self.most = read, most_characters
        self._utf8 = codecs.getincrementaldecoder("utf-8")("replace")
        self._text = self._utf8.decode(start)
        self._at = 0
        self._counted = 0
        self._line = line
        self._ended = False
        self._json = json.JSONDecoder(strict=False)
        self.replaced = self._text.count("\ufffd")

    @property
    def line(self) -> int:
        """The line of the next character."""
        self._line += self._text.count("\n", self._counted, self._at)
        self._counted = self._at
        return self._line

    def peek(self) -> str:
        """The next character that is not blank, "" at the end."""
        while True:
            match = _BLANKS.match(self._text, self._at)
            self._at = match.end() if match else self._at
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more():
                return ""

    def take(self, character: str) -> bool:
        """Goes past the next character that is not blank, if it is this one."""
        if self.peek() != character:
            return False
        self._at += 1
        return True

    def value(self) -> Any:
        """The next value. Raises BrokenValue and stays in front of it (at the end, where the text breaks off)."""
        self.peek()
        while True:
            try:
                value, self._at = self._json.raw_decode(self._text, self._at)
            except json.JSONDecodeError as error:
                goes_on = error.pos >= len(self._text) - _NEAR_END or error.msg.startswith("Unterminated")
                if not goes_on:
                    raise BrokenValue(error.msg) from None
                if len(self._text) - self._at > self.most:
                    raise BrokenValue("too long", too_long=True) from None
                if not self._more(len(self._text) - self._at):
                    self._at = len(self._text)
                    raise BrokenValue("the text ends in the middle of it", cut=True) from None
            except RecursionError:
                raise BrokenValue("nested too deep") from None
            except ValueError:
                raise BrokenValue("a number of thousands of digits") from None
            else:
                # A number at the end of what was read may go on; anything else is closed.
                if isinstance(value, int | float) and self._at == len(self._text) and self._more():
                    continue
                return value

    def skip_value(self) -> bool:
        """Goes past the next object, list or string without reading it in; False where it does not end."""
        depth, in_string = 0, False
        while True:
            match = (_IN_STRING if in_string else _MARK).search(self._text, self._at)
            if match is None:
                self._at = len(self._text)
                if not self._more():
                    return False
                continue
            self._at = match.end()
            mark = match[0]
            if mark == "\\":
                if self._at == len(self._text) and not self._more():
                    return False
                self._at += 1
            elif mark == '"':
                in_string = not in_string
                if not in_string and depth == 0:
                    return True
            else:
                depth += 1 if mark in "{[" else -1
                if depth <= 0:
                    return True

    def skip_to_object(self) -> None:
        """Goes to the next line that starts with an object or a list."""
        while True:
            end = self._text.find("\n", self._at)
            if end < 0:
                self._at = len(self._text)
                if not self._more():
                    return
                continue
            self._at = end + 1
            if self._at == len(self._text):
                self._more()
            if self._text[self._at : self._at + 1] in ("{", "["):
                return

    def start_of_value(self, characters: int = 40) -> str:
        """What stands at the next value, for a message."""
        return self._text[self._at : self._at + characters]

    def _more(self, at_least: int = 0) -> bool:
        """Reads on, and lets go of what was gone past."""
        if self._ended:
            return False
        data = self._read(max(CHUNK_BYTES, at_least))
        self._ended = not data
        new = self._utf8.decode(data, final=self._ended)
        self.replaced += new.count("\ufffd")
        _ = self.line
        self._text = self._text[self._at :] + new
        self._at = self._counted = 0
        return bool(new)
