"""What `segments` holds on a person: places in lists. What a segment asks is reckoned from other rooms."""

from app.core.rights import Trace
from app.segments.models import SegmentMember

TRACES = (Trace(SegmentMember, "Lists that somebody has put you into"),)
