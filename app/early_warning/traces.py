"""What `early_warning` holds on a person."""

from app.core.rights import Trace
from app.early_warning.models import CustomerRule, Hold, OverrideMember, WarningEvent, WarningRow
from app.early_warning.opportunities.models import Opportunity

TRACES = (
    Trace(WarningEvent, "What happened to the warnings"),
    Trace(WarningRow, "Warnings: what was owed, or that you stayed away"),
    Trace(Hold, "Times in which nothing was to be sold to you"),
    Trace(Opportunity, "Reasons to turn to you, such as a birthday or a product that is due again"),
    Trace(CustomerRule, "When you are to be warned of, if otherwise than others"),
    Trace(OverrideMember, "That you are one of those who are warned of otherwise"),
)
