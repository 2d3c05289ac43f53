"""Input fields that take exactly one JSON type, and serializers that refuse what they do not know.

DRF's own fields are generous ("2", 2.0 and true are all numbers to them); a contract that scripts rely on is better strict.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar
from uuid import UUID

from rest_framework import serializers

NAME_PATTERN = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\Z"
NAME_RULE = "Use 1 to 63 of a-z, 0-9 and -, beginning and ending with a letter or digit."
NOT_A_STRING = "Send a string."
LARGEST_INT = 2**31 - 1


class StrictSerializer(serializers.Serializer):
    """Unknown fields are refused by name. `later`: fields of the contract that this version does not do yet."""

    later: ClassVar[tuple[str, ...]] = ()

    def to_internal_value(self, data: Any) -> Any:
        """Every wrong field is named at once, the unknown ones among them."""
        if not isinstance(data, Mapping):
            raise serializers.ValidationError({"body": ["Send a JSON object."]})
        allowed = ", ".join(self.fields) or "none"
        wrong: dict[str, Any] = {name: [self._refusal(name, allowed)] for name in data if name not in self.fields}
        value = None
        try:
            value = super().to_internal_value(data)
        except serializers.ValidationError as error:
            wrong |= error.detail if isinstance(error.detail, dict) else {"body": error.detail}
        if wrong:
            raise serializers.ValidationError(wrong)
        return value

    def _refusal(self, name: str, allowed: str) -> str:
        if name in self.later:
            return f"Not supported yet. Allowed now: {allowed}."
        return f"Unknown field. Allowed: {allowed}."


class Text(serializers.CharField):
    def __init__(self, *, max_length: int, **kwargs: Any) -> None:
        super().__init__(max_length=max_length, trim_whitespace=False, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            raise serializers.ValidationError(NOT_A_STRING)
        return super().to_internal_value(data)


class Line(Text):
    """Text of one line: no control characters."""

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        if not text.isprintable():
            raise serializers.ValidationError("Use one line of printable characters.")
        return text


class Name(Text):
    """Names of guests, hosts, images: what is safe as a file name, a host name and a libvirt name."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=63, **kwargs)
        self.validators.append(name_is_plain)


def name_is_plain(value: str) -> None:
    if not re.match(NAME_PATTERN, value):
        raise serializers.ValidationError(NAME_RULE)


class Whole(serializers.IntegerField):
    def __init__(self, *, min_value: int = 0, max_value: int = LARGEST_INT, **kwargs: Any) -> None:
        allowed = f"Send a whole number from {min_value} to {max_value}."
        messages: dict[str, Any] = dict.fromkeys(("invalid", "min_value", "max_value"), allowed)
        super().__init__(min_value=min_value, max_value=max_value, error_messages=messages, **kwargs)

    def to_internal_value(self, data: Any) -> int:
        if not isinstance(data, int) or isinstance(data, bool):
            self.fail("invalid")
        return data


class Flag(serializers.BooleanField):
    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            raise serializers.ValidationError("Send true or false.")
        return data


class Choice(serializers.ChoiceField):
    """`later`: choices of the contract that this version does not have yet."""

    def __init__(self, *, later: tuple[str, ...] = (), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.later = later

    def to_internal_value(self, data: Any) -> str:
        if isinstance(data, str) and data in self.later:
            raise serializers.ValidationError(f"Not supported yet. Choose {' or '.join(self.choices)}.")
        if not isinstance(data, str) or data not in self.choices:
            raise serializers.ValidationError(f"Choose one of {', '.join(self.choices)}.")
        return data


class RowId(serializers.UUIDField):
    """The id of a row. Whether it exists and may be seen is looked up with `visible_to`, never here."""

    def to_internal_value(self, data: Any) -> UUID:
        if not isinstance(data, str):
            raise serializers.ValidationError("Send an id (a UUID string).")
        return super().to_internal_value(data)


class Moment(serializers.DateTimeField):
    def to_internal_value(self, value: Any) -> datetime:
        if not isinstance(value, str):
            raise serializers.ValidationError("Send a time such as 2030-01-31T12:00:00Z.")
        try:
            return super().to_internal_value(value).astimezone(UTC)
        except OverflowError as error:
            raise serializers.ValidationError("This time is out of range.") from error


class Tags(serializers.ListField):
    """Up to 20 short tags, without repeats, order kept."""

    child = Line(max_length=40)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=20, **kwargs)

    def to_internal_value(self, data: Any) -> list[str]:
        return list(dict.fromkeys(super().to_internal_value(data)))


class IdName(serializers.Serializer):
    """Another row in an answer."""

    id = serializers.UUIDField()
    name = serializers.CharField()


class Number(serializers.FloatField):
    def to_internal_value(self, data: Any) -> float:
        if not isinstance(data, int | float) or isinstance(data, bool):
            raise serializers.ValidationError(f"Send a number from {self.min_value} to {self.max_value}.")
        return float(data)
