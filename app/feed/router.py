"""The change feed's route. It is hot: answered from the edge, without the framework."""

from fastapi import APIRouter

from app.core.edge import HotRequest, HotRoute
from app.core.hot import operation, parse_query
from app.core.http import GatedRoute
from app.core.reply import Reply
from app.feed.cursor import write_cursor
from app.feed.reading import follow
from app.feed.schemas import Changes, ChangesQuery

router = APIRouter(route_class=GatedRoute)

_DESCRIPTION = """\
Follow the feed by sending `next_cursor` as `after`: every event is given exactly once, in an order in which the events
of one record stand as they happened, whatever was written meanwhile. Keep the cursor with what you made of the page.

Events are thin; `POST /v1/customers/read` answers the records of up to 1000 ids. With `wait` the request stays open
until there is an event. 410 `cursor_gone` means that the feed cannot go on from this cursor (it is older than what is
kept, or the database was restored): read `GET /v1/customers/snapshot` anew and go on from the cursor it gives."""


async def list_changes(request: HotRequest) -> Reply:
    """One page of the feed."""
    services = request.services
    found = await follow(services, parse_query(ChangesQuery, request.query))
    services.metrics.feed_sequence.set(found.last)
    cursor = write_cursor(services.cursors, found.epoch, found.seen)
    more = "true" if found.more else "false"
    return Reply(200, f'{{"data":[{found.documents}],"next_cursor":"{cursor}","has_more":{more}}}'.encode())


HOT = [
    HotRoute(
        "GET",
        "/v1/changes",
        "feed:read",
        list_changes,
        operation(
            "list_changes",
            "What has changed since a cursor",
            tag="feed",
            description=_DESCRIPTION,
            query=ChangesQuery,
            answer=Changes,
        ),
    )
]
