"""Texts of a given shape, whose refusal says the shape in words: a regular expression means nothing to who mistyped a name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue
    from pydantic_core import CoreSchema, ErrorDetails


@dataclass(frozen=True, slots=True)
class Worded:
    """For a text field: `Annotated[str, Worded(r"^[a-z]+$", "small letters")]`. Its JSON schema names the pattern.

    Attributes:
        pattern: that the whole text must match.
        expected: the same in words.
    """

    pattern: str
    expected: str

    def _check(self, text: str) -> str:
        if not re.search(self.pattern, text) or text.endswith("\n"):  # `$` would pass over a last line end
            raise ValueError(f"expected {self.expected}")
        return text

    def __get_pydantic_core_schema__(self, source: type[str], handler: GetCoreSchemaHandler) -> CoreSchema:
        """As pydantic asks for it."""
        from pydantic_core import core_schema

        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """As pydantic asks for it."""
        return {**handler(schema), "pattern": self.pattern}


def what_was_expected(fault: ErrorDetails) -> str:
    """What pydantic says of a fault, without its own words for whose check it was."""
    return fault["msg"].removeprefix("Value error, ")
