"""JSON in and out by orjson: NaN, infinities, broken UTF-8, deep nesting and large bodies are refused before any serializer sees them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer

from kvmweb.rest.errors import too_large

LIMIT_BYTES = 1024 * 1024
LIMIT_DEPTH = 12


class StrictJSONParser(BaseParser):
    media_type = "application/json"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        content = stream.read(LIMIT_BYTES + 1)
        if len(content) > LIMIT_BYTES:
            raise too_large()
        if not content:
            return {}
        try:
            data = orjson.loads(content)
        except orjson.JSONDecodeError as error:
            raise ParseError(f"The body is not JSON: {error}.") from error
        if depth_of(data) > LIMIT_DEPTH:
            raise ParseError(f"The body is nested more than {LIMIT_DEPTH} levels deep.")
        return data


class OrjsonRenderer(BaseRenderer):
    """UUIDs as text; times as UTC ISO 8601 ending in Z."""

    media_type = "application/json"
    format = "json"
    charset = None
    render_style = "text"

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Mapping[str, Any] | None = None) -> bytes:
        return b"" if data is None else orjson.dumps(data, default=str, option=orjson.OPT_UTC_Z | orjson.OPT_NAIVE_UTC)


def depth_of(data: Any) -> int:
    """Levels of lists and objects, found without recursion. Stops looking below the limit."""
    depth, level = 0, [data]
    while level and depth <= LIMIT_DEPTH:
        level = [inner for item in level if isinstance(item, dict | list) for inner in (item.values() if isinstance(item, dict) else item)]
        depth += 1
    return depth
