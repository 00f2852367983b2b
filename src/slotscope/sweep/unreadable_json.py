"""Why a file of JSON can't be used, in words for a person."""

from __future__ import annotations

import json


def problem(error: Exception) -> str:
    """What is wrong with a file of which reading raised this."""
    match error:
        case OSError():
            return error.strerror or str(error)
        case json.JSONDecodeError() | UnicodeDecodeError():
            return "it is not JSON, or was cut off"
        case KeyError():
            return f"it has no `{error.args[0]}`"
        case ValueError():
            return str(error)
    return "its content is of another form"
