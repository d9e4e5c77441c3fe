"""What somebody who has just started the service may paste, one line for each kind of caller. Pure."""

from app.demo.businesses import DEALER_ID
from app.demo.people import FAMILY_PHONE

# As it is spoken, to show that it does not matter how a number is written.
SPOKEN = f"{FAMILY_PHONE[3:6]} {FAMILY_PHONE[6:10]} {FAMILY_PHONE[10:]}"
QUESTION = "net_365d > 500 and birthday anniversary during next 14 days"


def shell(address: str, key: str) -> str:
    """What the pages in `docs/` begin with: the shell that this line is put into can run all that they show."""
    return f"""\
For the pages in docs/, put this into a shell:

  export BASE={address} KEY={key}
"""


def lines(address: str, key: str) -> str:
    """The line for a shell, and four `curl` lines, each with a word about what it asks."""
    header = f"-H 'Authorization: Bearer {key}'"
    return f"""\
{shell(address, key)}
Who is calling? Two of a family share this phone:

  curl -sG {address}/v1/customers/lookup --data-urlencode 'phone={SPOKEN}' {header}

May this dealer have more on account?

  curl -s {address}/v1/customers/{DEALER_ID}/standing {header}

Who has spent 500 yuan within a year and has a birthday within two weeks?

  curl -s {address}/v1/segments/preview -H 'Content-Type: application/json' -d '{{"text": "{QUESTION}"}}' {header}

What should somebody look after? The open warnings, the worst first:

  curl -s '{address}/v1/warnings?status=open&limit=5' {header}
"""
