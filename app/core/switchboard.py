"""Finding a request's route without asking all of them, which cost a tenth of its processor time."""

from collections.abc import Iterable

from starlette.routing import Match, Route
from starlette.types import ASGIApp, Receive, Scope, Send

# A method, how many parts the path has, and its first two: /v1/customers/{id} is GET, 4, (v1, customers).
Key = tuple[str, int, tuple[str, ...]]


class Switchboard:
    """Stands before a router: a request goes to the first of the routes that are like it and match.

    Whatever it does not know, as a wrong method or address, is the router's.
    """

    def __init__(self, router: ASGIApp, routes: Iterable[Route]) -> None:
        self._router = router
        self._routes: dict[Key, list[Route]] = {}
        known = [(route, route.path.split("/")) for route in routes]
        longest = max((len(parts) for _, parts in known), default=0)
        for route, parts in known:
            # A parameter of this kind takes any number of parts.
            until = longest if ":path}" in route.path else len(parts)
            for method in route.methods or ():
                for count in range(len(parts), until + 1):
                    self._routes.setdefault((method, count, tuple(parts[1:3])), []).append(route)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or whatever else the server says."""
        if scope["type"] == "http":
            parts = scope["path"].split("/")
            for route in self._routes.get((scope["method"], len(parts), tuple(parts[1:3])), ()):
                match, found = route.matches(scope)
                if match is Match.FULL:
                    scope.update(found)
                    await route.handle(scope, receive, send)
                    return
        await self._router(scope, receive, send)
