"""What `segments` holds on a person: places in lists, and times in kept segments. The rest is reckoned when asked."""

from app.core.rights import Trace
from app.segments.models import Membership, SegmentMember

TRACES = (
    Trace(SegmentMember, "Lists that somebody has put you into"),
    Trace(Membership, "Groups of customers that you have been in, and when"),
)
