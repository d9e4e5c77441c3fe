"""What `access` holds on a person: who saw and changed the record, by ids and names of fields."""

from app.access import queries
from app.access.models import AuditRow
from app.core.rights import Trace

# Of a record that was erased it tells who did what when, and nothing of whom.
TRACES = (Trace(AuditRow, "Who saw and changed what is held on you", clear={}, more={"client": queries.client_name()}),)
