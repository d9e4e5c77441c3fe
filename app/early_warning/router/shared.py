"""Who may call the routes of warnings."""

from typing import Annotated

from app.core.caller import Caller
from app.core.http import requires

Reader = Annotated[Caller, requires("warnings:read")]
WRITER = [requires("warnings:write")]
RULE_MAKER = [requires("warnings:admin")]
