"""Questions, each with the best plain SQL that we know for it: what a person would write who knows the tables."""

from dataclasses import dataclass

# The company's.
ZONE = "Asia/Shanghai"
RATIO, SHORT_SECONDS, LONG_SECONDS = 1.3, 1.0, 5.0
COUNTED = "c.kind <> 'walk_in' AND c.status NOT IN ('merged', 'erased')"


@dataclass(frozen=True)
class Asked:
    """A question, the SQL that a person would write for it (`{today}` is the day that it is asked), and its budget."""

    text: str
    seconds: float
    sql: tuple[str, ...]


LATELY = "business_date > date '{today}' - %d AND business_date <= date '{today}'"
YEAR = "business_date > date '{today}' - interval '12 months' AND business_date <= date '{today}'"
# Lines of a category in the last so many days, without those of voided receipts.
C05 = (
    f"FROM receipt_lines l WHERE {LATELY} AND (l.category = 'c05' OR l.category LIKE 'c05/%%') AND NOT EXISTS"
    " (SELECT FROM receipts r WHERE r.customer_id = l.customer_id AND r.id = l.receipt_id AND r.voided_at IS NOT NULL)"
)
MARGINS = (
    "WITH value AS MATERIALIZED (SELECT c.id, coalesce(m.margin, 0) AS margin FROM customers c LEFT JOIN"
    f" (SELECT customer_id, sum(margin) AS margin FROM customer_days WHERE {LATELY % 365} GROUP BY 1) m"
    f" ON m.customer_id = c.id WHERE {COUNTED} AND c.status = 'active')"
    " SELECT count(*) FROM value WHERE margin >= "
)


def _lately(row: str) -> str:
    return f"{row}.business_date > date '{{today}}' - 60 AND {row}.business_date <= date '{{today}}'"


QUESTIONS = [
    Asked(
        "count(distinct lines.receipt during last 90 days where category under 'c05') >= 3"
        " and none(lines during last 30 days where category under 'c05')",
        SHORT_SECONDS,
        (
            # What was bought in the last 30 days was bought in the last 90: one reading tells both.
            (
                f"SELECT count(*) FROM customers c JOIN (SELECT l.customer_id {C05 % 90} GROUP BY 1"
                " HAVING count(DISTINCT l.receipt_id) >= 3 AND max(l.business_date) <= date '{today}' - 30) a"
                f" ON a.customer_id = c.id WHERE {COUNTED}"
            ),
            (
                f"SELECT count(*) FROM customers c JOIN (SELECT l.customer_id {C05 % 90} GROUP BY 1"
                f" HAVING count(DISTINCT l.receipt_id) >= 3) a ON a.customer_id = c.id WHERE {COUNTED}"
                f" AND NOT EXISTS (SELECT {C05 % 30} AND l.customer_id = c.id)"
            ),
        ),
    ),
    Asked(
        "birthday anniversary during next 14 days",
        SHORT_SECONDS,
        (f"SELECT count(*) FROM customers c WHERE {COUNTED} AND ({{birthdays}})",),
    ),
    Asked(
        "margin_365d in top 20% of (status = 'active')",
        LONG_SECONDS,
        (
            (
                f"{MARGINS} (SELECT margin FROM value ORDER BY margin DESC"
                " OFFSET (SELECT (count(*) * 20 + 99) / 100 - 1 FROM value) LIMIT 1)"
            ),
            f"{MARGINS} (SELECT percentile_disc(0.2) WITHIN GROUP (ORDER BY margin DESC) FROM value)",
        ),
    ),
    Asked(
        "home.city = 'City 7' or home_store in ('S001', 'S002')",
        SHORT_SECONDS,
        (
            (
                "SELECT count(*) FROM customers c LEFT JOIN stores s ON s.code = c.home_store"
                f" WHERE {COUNTED} AND (s.city = 'City 7' OR c.home_store IN ('S001', 'S002'))"
            ),
            (
                f"SELECT count(*) FROM customers c WHERE {COUNTED} AND c.home_store = ANY (ARRAY("
                "SELECT code FROM stores WHERE city = 'City 7' UNION SELECT unnest(ARRAY['S001', 'S002'])))"
            ),
        ),
    ),
    Asked(
        "sum(receipts.net during last 12 months where store = 'S001') > 200.00",
        LONG_SECONDS,
        (
            (
                "SELECT count(*) FROM customers c JOIN (SELECT customer_id FROM receipts"
                f" WHERE store = 'S001' AND {YEAR} AND voided_at IS NULL GROUP BY 1"
                " HAVING sum(base_net) > 20000) a ON a.customer_id = c.id"
                f" WHERE {COUNTED}"
            ),
        ),
    ),
    Asked(
        "sum(receipts.net during last 12 months) > 1000.00",
        LONG_SECONDS,
        (
            (
                f"SELECT count(*) FROM customers c JOIN (SELECT customer_id FROM customer_days WHERE {YEAR}"
                f" GROUP BY 1 HAVING sum(net) > 100000) a ON a.customer_id = c.id WHERE {COUNTED}"
            ),
        ),
    ),
    Asked(
        "net_90d > 500.00 and none(receipts during last 30 days)",
        SHORT_SECONDS,
        (
            (
                f"SELECT count(*) FROM customers c JOIN (SELECT customer_id FROM customer_days WHERE {LATELY % 90}"
                " GROUP BY 1 HAVING sum(net) > 50000 AND max(business_date) <= date '{today}' - 30) a"
                f" ON a.customer_id = c.id WHERE {COUNTED}"
            ),
            (
                f"SELECT count(*) FROM customers c JOIN (SELECT customer_id FROM customer_days WHERE {LATELY % 90}"
                f" GROUP BY 1 HAVING sum(net) > 50000) a ON a.customer_id = c.id WHERE {COUNTED}"
                f" AND NOT EXISTS (SELECT FROM customer_days d WHERE d.customer_id = c.id AND {LATELY % 30})"
            ),
        ),
    ),
    Asked(
        "last(receipts.store) = 'S001' and language != 'zh' including missing",
        LONG_SECONDS,
        (
            # Few are left to look for the last receipt of.
            (
                f"SELECT count(*) FROM customers c WHERE {COUNTED} AND c.language IS DISTINCT FROM 'zh'"
                " AND (SELECT r.store FROM receipts r WHERE r.customer_id = c.id AND r.voided_at IS NULL"
                " ORDER BY r.business_date DESC, r.occurred_at DESC, r.id DESC LIMIT 1) = 'S001'"
            ),
            (
                "SELECT count(*) FROM customers c JOIN (SELECT DISTINCT ON (customer_id) customer_id, store"
                " FROM receipts WHERE voided_at IS NULL"
                " ORDER BY customer_id, business_date DESC, occurred_at DESC, id DESC) a"
                f" ON a.customer_id = c.id WHERE {COUNTED} AND a.store = 'S001' AND c.language IS DISTINCT FROM 'zh'"
            ),
        ),
    ),
    Asked(
        "figures.net > 5000.00 and figures.days_since_last > 60 and status = 'active'",
        SHORT_SECONDS,
        (
            (
                "SELECT count(*) FROM customers c JOIN customer_figures f ON f.customer_id = c.id WHERE"
                f" {COUNTED} AND f.net > 500000 AND f.last_occasion < date '{{today}}' - 60 AND c.status = 'active'"
            ),
        ),
    ),
    Asked(
        "not any(receipts during last 90 days) or count(receipts during last 90 days where store = 'S001') >= 2",
        SHORT_SECONDS,
        (
            (
                f"SELECT count(*) FROM customers c LEFT JOIN (SELECT DISTINCT customer_id FROM customer_days WHERE"
                f" {LATELY % 90}) d ON d.customer_id = c.id LEFT JOIN (SELECT customer_id, count(*) AS n FROM receipts"
                f" WHERE store = 'S001' AND {LATELY % 90} AND voided_at IS NULL GROUP BY 1) r ON r.customer_id = c.id"
                f" WHERE {COUNTED} AND (d.customer_id IS NULL OR r.n >= 2)"
            ),
            # A receipt has a row of its day: one reading of the receipts would tell both, but reads wider rows.
            (
                "SELECT count(*) FROM customers c LEFT JOIN (SELECT customer_id,"
                f" count(*) FILTER (WHERE store = 'S001') AS n FROM receipts WHERE {LATELY % 90}"
                " AND voided_at IS NULL GROUP BY 1) r ON r.customer_id = c.id"
                f" WHERE {COUNTED} AND (r.customer_id IS NULL OR r.n >= 2)"
            ),
        ),
    ),
    Asked(
        "sequence(receipts where till = '1' then receipts where till != '1' within 14 days) during last 60 days",
        LONG_SECONDS,
        (
            (
                f"SELECT count(*) FROM customers c WHERE {COUNTED} AND c.id IN (SELECT a.customer_id FROM receipts a"
                f" WHERE a.till = '1' AND a.voided_at IS NULL AND {_lately('a')} AND EXISTS (SELECT FROM receipts b"
                " WHERE b.customer_id = a.customer_id AND b.till <> '1' AND b.voided_at IS NULL"
                " AND b.business_date BETWEEN a.business_date AND a.business_date + 14"
                " AND b.business_date <= date '{today}' AND (b.business_date, b.occurred_at, b.id)"
                " > (a.business_date, a.occurred_at, a.id)))"
            ),
            (
                "SELECT count(DISTINCT a.customer_id) FROM receipts a JOIN receipts b ON b.customer_id = a.customer_id"
                " AND b.till <> '1' AND b.business_date <= a.business_date + 14 AND (b.business_date, b.occurred_at,"
                f" b.id) > (a.business_date, a.occurred_at, a.id) AND b.voided_at IS NULL AND {_lately('b')}"
                f" JOIN customers c ON c.id = a.customer_id WHERE {COUNTED} AND a.till = '1' AND a.voided_at IS NULL"
                f" AND {_lately('a')}"
            ),
        ),
    ),
    Asked(
        "ratio(sum(receipts.net during last 12 months), figures.net) < 0.3",
        LONG_SECONDS,
        (
            (
                "SELECT count(*) FROM customers c JOIN customer_figures f ON f.customer_id = c.id LEFT JOIN"
                f" (SELECT customer_id, sum(net) AS net FROM customer_days WHERE {YEAR} GROUP BY 1) d"
                f" ON d.customer_id = c.id WHERE {COUNTED} AND f.net <> 0"
                " AND round(coalesce(d.net, 0)::numeric / f.net, 6) < 0.3"
            ),
        ),
    ),
    Asked(
        "sample 10% seed 'autumn' and language != 'zh' including missing",
        SHORT_SECONDS,
        (
            (
                f"SELECT count(*) FROM customers c WHERE {COUNTED} AND c.language IS DISTINCT FROM 'zh'"
                " AND left(md5('autumn:' || c.id::text), 8) COLLATE \"C\" < '19999999'"
            ),
        ),
    ),
    Asked(
        "location within 5 km of 'S001'",
        SHORT_SECONDS,
        (
            (
                "SELECT count(DISTINCT a.customer_id) FROM stores s JOIN addresses a"
                " ON a.latitude BETWEEN s.latitude - 0.045 AND s.latitude + 0.045"
                " AND a.longitude BETWEEN s.longitude - 0.051 AND s.longitude + 0.051"
                f" JOIN customers c ON c.id = a.customer_id WHERE s.code = 'S001' AND {COUNTED}"
                " AND 2 * 6371.0088 * asin(sqrt(sin(radians(a.latitude - s.latitude) / 2) ^ 2"
                " + cos(radians(a.latitude)) * cos(radians(s.latitude))"
                " * sin(radians(a.longitude - s.longitude) / 2) ^ 2)) <= 5"
            ),
        ),
    ),
    Asked(
        "consent('marketing', 'sms') = 'granted'",
        LONG_SECONDS,
        (
            # The newest for the channel, or else for all; a later no for all is for the channel too.
            (
                "SELECT count(*) FROM customers c JOIN (SELECT customer_id,"
                " (array_agg(state ORDER BY decided_at DESC, id DESC) FILTER (WHERE channel = 'sms'))[1] AS own,"
                " (array_agg(state ORDER BY decided_at DESC, id DESC) FILTER (WHERE channel = 'any'))[1] AS whole,"
                " max(decided_at) FILTER (WHERE channel = 'sms') AS own_at,"
                " max(decided_at) FILTER (WHERE channel = 'any') AS whole_at FROM consents WHERE purpose = 'marketing'"
                " AND channel IN ('sms', 'any') AND partner IS NULL"
                f" AND decided_at < (date '{{today}}' + 1)::timestamp AT TIME ZONE '{ZONE}'"
                " GROUP BY 1) d ON d.customer_id = c.id"
                f" WHERE {COUNTED} AND CASE WHEN own IS NULL THEN whole = 'granted' WHEN own = 'granted' THEN"
                " whole IS NULL OR whole = 'granted' OR whole_at < own_at ELSE false END"
            ),
        ),
    ),
    Asked(
        "kind = 'business' and any(contacts where role = 'key_person' and birthday anniversary during next 14 days)",
        SHORT_SECONDS,
        (
            (
                f"SELECT count(*) FROM customers c WHERE {COUNTED} AND c.kind = 'business' AND EXISTS (SELECT FROM"
                " contacts k WHERE k.customer_id = c.id AND k.role = 'key_person' AND ({birthdays}))"
            ),
        ),
    ),
    Asked(
        "credit.overdue > 0 or credit.balance > credit.limit",
        SHORT_SECONDS,
        (
            (
                "SELECT count(*) FROM customers c JOIN credit_accounts a ON a.customer_id = c.id LEFT JOIN"
                " (SELECT customer_id, sum(amount) AS later FROM receivables WHERE due_on >= date '{today}'"
                " GROUP BY 1) r"
                f" ON r.customer_id = c.id WHERE {COUNTED}"
                " AND (a.balance - coalesce(r.later, 0) > 0 OR a.balance > a.credit_limit)"
            ),
        ),
    ),
]
# Asked of two at once: how many are in the one alone, in the other, and in both.
OVERLAP = ("net_365d > 1000.00", "figures.occasions >= 10")
GROWING = (
    QUESTIONS[0].text,
    QUESTIONS[1].text,
    QUESTIONS[2].text,
    QUESTIONS[4].text,
    *(one.text for one in QUESTIONS[10:15]),
)
