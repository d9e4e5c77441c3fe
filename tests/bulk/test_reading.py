"""Files as rows: every kind of damage stays with the row it is in, and reading can stop and go on anywhere."""

from __future__ import annotations

import random
import tracemalloc

import pytest

from app.bulk.reading import BLOCK, Batches, Layout, Position, layout
from app.bulk.rows import GROUP_MAX, Row
from app.core.errors import Problem

HEADER = "code,name,brand,list_price\n"


def batches(found: Layout, data: bytes, step: int, start: Position | None = None):
    """All batches of a file that arrives `step` bytes at a time, from a position on."""
    start = start or found.start
    reading = Batches(found.rows(start))
    pieces = [data[place : place + step] for place in range(start.offset, len(data), step)]
    out = []
    for piece in [*pieces, None]:
        reading.feed(piece)
        while (batch := reading.take()) is not None:
            out.append(batch)
            if batch.ended:
                return out
    raise AssertionError("the file never ended")


def rows_of(kind: str, text: str | bytes, *, form: str = "csv", step: int = 7) -> list[Row]:
    data = text.encode() if isinstance(text, str) else text
    return [row for batch in batches(layout(kind, form, data[:BLOCK]), data, step) for row in batch.rows]


def products(text: str | bytes, **how) -> list[Row]:
    return rows_of("products", HEADER.encode() + (text.encode() if isinstance(text, str) else text), **how)


def items(rows: list[Row]):
    return [row.item for row in rows if row.item is not None]


def codes(rows: list[Row]):
    return [(row.line, row.faults[0].code) for row in rows if row.faults]


def test_cells_become_fields_and_empty_cells_are_left_out():
    rows = products("A1,Tea,,300\nB2,,Leaf,\n")
    assert items(rows) == [{"code": "A1", "name": "Tea", "list_price": 300}, {"code": "B2", "brand": "Leaf"}]
    assert [(row.line, row.key) for row in rows] == [(2, "A1"), (3, "B2")]


@pytest.mark.parametrize("step", [1, 2, 3, 5, 64, 10_000])
def test_blocks_may_end_anywhere(step: int):
    text = 'A1,"Tea, green\nand ""fine""",Leaf,1\r\n\r\nB2,茶,,2\r\n"C3",x,y,3'
    rows = products(text, step=step)
    assert items(rows) == [
        {"code": "A1", "name": 'Tea, green\nand "fine"', "brand": "Leaf", "list_price": 1},
        {"code": "B2", "name": "茶", "list_price": 2},
        {"code": "C3", "name": "x", "brand": "y", "list_price": 3},
    ]
    assert [row.line for row in rows] == [2, 5, 6]


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize(("delimiter", "name"), [(",", "comma"), (";", "semicolon"), ("\t", "tab")])
def test_byte_order_mark_and_delimiter(mark: bytes, delimiter: str, name: str):
    text = delimiter.join(["code", "name"]) + "\r\n" + delimiter.join(["A1", "a|b"]) + "\r\n"
    assert items(rows_of("products", mark + text.encode())) == [{"code": "A1", "name": "a|b"}]


def test_a_delimiter_can_be_given():
    data = b"code;brand\nA,1;b\n"
    assert layout("products", "csv", data).delimiter == ";"
    with pytest.raises(Problem) as caught:
        layout("products", "csv", data, ",")
    assert {error.code for error in caught.value.errors} == {"unknown_field", "missing"}


def test_empty_rows_are_no_rows():
    assert items(products("\n\r\n,,,\nA1,,,\n,,,\n\n")) == [{"code": "A1"}]


def test_one_bad_row_never_costs_a_good_one():
    """Every sort of damage between two good rows."""
    good = [f"G{number},Good,,1\n".encode() for number in range(12)]
    bad = [
        b"A,too few\n",
        b"A,too,many,1,2\n",
        b"A,bad \xff\xfe bytes,,1\n",
        b"A,nul \x00 here,,1\n",
        b'A,"never closed,,1\n',
        b'A,"closed" too early,,1\n',
        b"A,price,,12.50\n",
        b"A," + b"x" * 140_000 + b",,1\n",
        b"A," + b"x" * 1_200_000 + b",,1\n",
        b'A,"' + b"y" * 1_200_000 + b'",,1\n',
        b'"\n',
    ]
    data = HEADER.encode() + b"".join(one + two for one, two in zip(good, [*bad, b""], strict=True))
    rows = rows_of("products", data, step=100_000)
    assert [item["code"] for item in items(rows)] == [f"G{number}" for number in range(12)]
    assert [code for _, code in codes(rows)] == [
        "column_count", "column_count", "invalid_utf8", "nul", "bad_quotes", "bad_quotes", "invalid_integer",
        "field_too_long", "line_too_long", "line_too_long", "bad_quotes",
    ]  # fmt: skip
    assert [line for line, _ in codes(rows)] == [3 + 2 * place for place in range(11)]


def test_a_quote_that_is_never_closed_costs_one_row_of_a_long_file():
    text = "".join(f'R{n},"open,,1\n' if n == 5 else f"R{n},x,,1\n" for n in range(3000))
    rows = products(text, step=4096)
    assert len(items(rows)) == 2999
    assert codes(rows) == [(7, "bad_quotes")]


def test_quotes_inside_a_cell_are_text():
    assert items(products('P1,5" pipe,,1\nP2,6" pipe,,1\n')) == [
        {"code": "P1", "name": '5" pipe', "list_price": 1},
        {"code": "P2", "name": '6" pipe', "list_price": 1},
    ]


def test_faults_of_a_row_name_their_column_and_not_their_value():
    rows = products("A1,secret,,1e9\n")
    [fault] = rows[0].faults
    assert (fault.pointer, fault.code) == ("list_price", "invalid_integer")
    assert "1e9" not in fault.detail


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "empty"),
        ("code\nA".encode("utf-16"), "UTF-16"),
        (b"PK\x03\x04rest", "spreadsheet"),
        (b"\x1f\x8brest", "compressed"),
        (b"\xd0\xcf\x11\xe0rest", "spreadsheet"),
        (b"code,name\rA1,x\r", "carriage return"),
        ("code,n\u00e4me\n".encode("latin-1"), "not UTF-8"),
        (b'code,"name\n', "quotes"),
        (b"x" * BLOCK, "too long"),
    ],
)
def test_files_that_hold_no_rows_are_refused_at_once(data: bytes, text: str):
    with pytest.raises(Problem) as caught:
        layout("products", "csv", data)
    assert caught.value.type.status == 422
    assert text in caught.value.detail


def test_a_header_has_so_many_columns_at_most():
    for name in ("a", "code"):
        with pytest.raises(Problem) as caught:
            layout("products", "csv", f"{name},".encode() * 200_000 + b"b\nx\n")
        assert caught.value.detail == "The header has more than 1000 columns."


def test_a_wrong_header_is_told_column_by_column():
    with pytest.raises(Problem) as caught:
        layout("products", "csv", b"name,colour,name,13800138000\n")
    assert [(error.pointer, error.code) for error in caught.value.errors] == [
        ("/colour", "unknown_field"),
        ("/4", "unknown_field"),  # what may be data of a file without header is not repeated
        ("/name", "repeated"),
        ("/code", "missing"),
    ]


def test_header_names_may_be_spelt_in_capitals_with_spaces_and_quotes():
    assert items(rows_of("products", ' CODE , "Name"\nA1,x\n'.replace(' "Name"', '"Name"'))) == [
        {"code": "A1", "name": "x"}
    ]


def test_a_header_alone_is_no_rows():
    assert rows_of("products", "code\n") == []
    assert rows_of("products", "code") == []


def test_lists_identifiers_and_documents():
    text = (
        "display_name;phone;card;external.CRM;chat.wechat;birthday;home_store\n"
        "Ann;138 0013 8000;01104905;c-7;wx1;1990-09-21;S01\n"
        "Bo;;;;;--02-29;\n"
        "Cy;;;;;21.9.1990;\n"
    )
    rows = rows_of("customers", text)
    assert items(rows) == [
        {
            "display_name": "Ann",
            "identifiers": [
                {"kind": "phone", "value": "138 0013 8000"},
                {"kind": "card", "value": "01104905"},
                {"kind": "external", "value": "c-7", "system": "crm"},
                {"kind": "chat", "value": "wx1", "system": "wechat"},
            ],
            "birthday": {"year": 1990, "month": 9, "day": 21},
            "home_store": "S01",
        },
        {"display_name": "Bo", "birthday": {"year": None, "month": 2, "day": 29}},
    ]
    assert [(row.line, row.faults[0].pointer, row.faults[0].code) for row in rows if row.faults] == [
        (4, "birthday", "invalid_birthday"),
    ]
    assert {row.key for row in rows} == {None}
    assert rows[0].place is not None
    assert rows[0].place("/identifiers/2/value") == (2, "external.crm")
    assert rows[0].place("/identifiers/0/value") == (2, "phone")
    assert rows[0].place("/birthday/month") == (2, "birthday")
    assert rows[0].place("/given_name") == (2, "given_name")


def test_store_codes_with_spaces_between():
    assert items(rows_of("stores", "code,tills\nS01,1 2  3\n")) == [{"code": "S01", "tills": ["1", "2", "3"]}]


# --- NDJSON ---------------------------------------------------------------------------------------------------------


def test_json_lines():
    data = b'\xef\xbb\xbf{"code":"A1","name":"\xe8\x8c\xb6"}\r\n\n  {"code":"B2"}  \n{"code":"C3"}'
    rows = rows_of("products", data, form="ndjson")
    assert items(rows) == [{"code": "A1", "name": "茶"}, {"code": "B2"}, {"code": "C3"}]
    assert [(row.line, row.key) for row in rows] == [(1, "A1"), (3, "B2"), (4, "C3")]
    assert rows[1].place is not None
    assert rows[1].place("/name") == (3, "/name")


def test_bad_json_lines_cost_themselves():
    bad = [
        b"{", b"[]", b'"text"', b"null", b'{"a":1,"a":2}', b'{"a":NaN}', b'{"a":1.5}', b'{"a":"\\u0000"}',
        b'{"a":"\x00"}', b'{"a":"\xff"}', b'{"a":' + b"[" * 40 + b"]" * 40 + b"}", b'{"a":99999999999999999999}',
        b'{"a":"\\ud800"}',
        b'{"a":"' + b"x" * 1_100_000 + b'"}',
    ]  # fmt: skip
    data = b"".join(b'{"code":"G%d"}\n%b\n' % (number, line) for number, line in enumerate(bad))
    rows = rows_of("products", data, form="ndjson", step=50_000)
    assert [item["code"] for item in items(rows)] == [f"G{number}" for number in range(len(bad))]
    assert {code for _, code in codes(rows)} == {
        "invalid_json", "not_whole", "integer_too_large", "not_an_object", "line_too_long",
    }  # fmt: skip
    assert [line for line, _ in codes(rows)] == [2 + 2 * place for place in range(len(bad))]
    said = [fault.detail.lower() for row in rows for fault in row.faults]
    assert not any("body" in detail or "line 1" in detail for detail in said)
    assert any("at column 2" in detail for detail in said)


# --- receipts: several records make one row -------------------------------------------------------------------------

RECEIPTS = (
    "source,number,store,kind,occurred_at,currency,customer.card,customer.external.erp,tenders.cash,tenders.card,promotions,"
    "returns.source,returns.number,lines.product,lines.quantity,lines.net,lines.cost\n"
)


def line(number: str, product: str, net: str = "100", **cells: str) -> str:
    names = RECEIPTS.strip().split(",")
    given = {
        "source": "till", "number": number, "store": "S01", "kind": "sale", "occurred_at": "2026-11-21T12:30:00+08:00",
        "currency": "CNY", "lines.product": product, "lines.quantity": "1", "lines.net": net,
        **{name.replace("__", "."): value for name, value in cells.items()},
    }  # fmt: skip
    return ",".join(given.get(name, "") for name in names) + "\n"


def receipts(*lines: str | bytes, step: int = 100) -> list[Row]:
    return rows_of(
        "receipts", b"".join(one.encode() if isinstance(one, str) else one for one in (RECEIPTS, *lines)), step=step
    )


@pytest.mark.parametrize("step", [1, 13, 100_000])
def test_a_run_of_one_number_is_one_receipt(step: int):
    rows = receipts(
        line("R1", "P1", customer__card="77", tenders__cash="150", tenders__card="50", promotions="A B"),
        line("R1", "P2", "100", lines__cost="60"),
        line("R2", "P1", customer__external__erp="e1", returns__source="till", returns__number="R0"),
        step=step,
    )
    assert items(rows) == [
        {
            "source": "till", "number": "R1", "store": "S01", "kind": "sale", "currency": "CNY",
            "occurred_at": "2026-11-21T12:30:00+08:00", "customer": {"identifier": {"kind": "card", "value": "77"}},
            "tenders": [{"kind": "cash", "amount": 150}, {"kind": "card", "amount": 50}], "promotions": ["A", "B"],
            "lines": [
                {"product": "P1", "quantity": "1", "net": 100},
                {"product": "P2", "quantity": "1", "net": 100, "cost": 60},
            ],
        },
        {
            "source": "till", "number": "R2", "store": "S01", "kind": "sale", "currency": "CNY",
            "occurred_at": "2026-11-21T12:30:00+08:00",
            "customer": {"identifier": {"kind": "external", "value": "e1", "system": "erp"}},
            "returns": {"source": "till", "number": "R0"}, "lines": [{"product": "P1", "quantity": "1", "net": 100}],
        },
    ]  # fmt: skip
    assert [(row.line, row.key) for row in rows] == [(2, "till R1"), (4, "till R2")]


def test_faults_of_a_receipt_say_which_line():
    rows = receipts(line("R1", "P1"), line("R1", "P2", "x"), line("R1", "P3", store="S02"))
    assert [(fault.pointer, fault.code, fault.detail.split(":")[0]) for fault in rows[0].faults] == [
        ("lines.net", "invalid_integer", "Line 3"),
        ("store", "differs", "Line 4"),
    ]
    [good] = receipts(line("R1", "P1"), line("R1", "P2"))
    assert good.place is not None
    assert good.place("/lines/1/net") == (3, "lines.net")
    assert good.place("/lines/1/discount") == (3, "lines.discount")
    assert good.place("/store") == (2, "store")
    assert good.place("") == (2, "")


def test_the_customer_is_named_once():
    [row] = receipts(line("R1", "P1", customer__card="1", customer__external__erp="2"))
    assert [(fault.pointer, fault.code) for fault in row.faults] == [("customer.external.erp", "two_customers")]


def test_an_unreadable_line_costs_its_receipt_and_no_other():
    bad = line("R2", "P2").encode().replace(b"P2", b"\xff\xfe")
    rows = receipts(line("R1", "P1"), line("R2", "P1"), bad, line("R2", "P3"), line("R3", "P1"))
    assert [item["number"] for item in items(rows)] == ["R1", "R3"]
    assert [(row.line, row.key, row.faults[0].code) for row in rows if row.faults] == [(3, "till R2", "invalid_utf8")]


@pytest.mark.parametrize("step", [1, 100_000])
def test_a_line_without_a_number_belongs_to_the_receipt_around_it(step: int):
    broken = b'"\n'
    rows = receipts(line("R1", "P1"), broken, line("R1", "P2"), line("R2", "P1"), broken, line("R3", "P1"), step=step)
    assert [item["number"] for item in items(rows)] == ["R2", "R3"], "R1 may miss a line; the others cannot"
    assert [(row.line, row.key) for row in rows if row.faults] == [(2, "till R1"), (6, None)]
    assert rows[0].faults[0].detail.startswith("Line 3:")


def test_a_row_that_names_no_receipt_fails_alone():
    rows = receipts(line("R1", "P1"), line("", "P1"), line("R2", "P1"), line("", "P1"))
    assert [item["number"] for item in items(rows)] == ["R1", "R2"]
    assert codes(rows) == [(3, "missing"), (5, "missing")]


def test_rows_of_nobody_without_end_fail_one_by_one():
    nobody = [line("", "P")] * (2 * GROUP_MAX + 500)
    alone = [(3 + place, "missing") for place in range(len(nobody))]
    rows = receipts(line("R0", "P"), *nobody, line("R2", "P2"), step=100_000)
    assert [item["number"] for item in items(rows)] == ["R2"]
    assert codes(rows) == [(2, "receipt_too_long"), *alone]
    # Whether it goes on behind them or not: a receipt without one of its lines would be wrong.
    rows = receipts(line("R1", "P1"), *nobody, line("R1", "P2"), step=100_000)
    assert (items(rows), {code for _, code in codes(rows)}) == ([], {"receipt_too_long", "missing"})


def test_a_receipt_without_end_is_given_up_whole():
    many = [line("R1", f"P{n}") for n in range(2 * GROUP_MAX + 500)]
    rows = receipts(line("R0", "P"), *many, line("R2", "P"), step=100_000)
    assert [item["number"] for item in items(rows)] == ["R0", "R2"]
    assert {row.faults[0].code for row in rows if row.faults} == {"receipt_too_long"}
    exact = receipts(*many[:GROUP_MAX], line("R2", "P"), step=100_000)
    assert [len(item["lines"]) for item in items(exact)] == [GROUP_MAX, 1]


# --- going on -------------------------------------------------------------------------------------------------------


def damaged_file(seed: int, form: str) -> tuple[str, bytes]:
    """A file with good and bad rows of every sort in random order."""
    chance = random.Random(seed)
    bad = [b'X,"open\n', b"X\xff,a,,1\n", b"X,a\n", b'X,"a"b,,1\n', b"\n", b"X," + b"z" * 140_000 + b",,\n", b"\x00\n"]
    out = [HEADER.encode()] if form == "csv" else []
    for number in range(4000):
        if form == "ndjson":
            good = b'{"code":"C%d","name":"\xe8\x8c\xb6"}\n' % number
        else:
            good = b'C%d,"a ""b""\nc",,%d\n' % (number, number) if chance.random() < 0.2 else b"C%d,a,b,1\r\n" % number
        out.append(good)
        if chance.random() < 0.05:
            out.append(chance.choice(bad))
    return "products", b"".join(out)


def told(rows: list[Row]):
    return [(row.line, row.item, [(fault.code, fault.pointer) for fault in row.faults]) for row in rows]


@pytest.mark.parametrize("form", ["csv", "ndjson"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_position_is_a_place_to_go_on(form: str, seed: int):
    """Reading on from the position after any batch gives exactly the rest, in whatever pieces it comes."""
    kind, data = damaged_file(seed, form)
    found = layout(kind, form, data[:BLOCK])
    whole = batches(found, data, 70_000)
    assert len(whole) > 3
    assert [told(batch.rows) for batch in batches(found, data, 999)] == [told(batch.rows) for batch in whole]
    for place, batch in enumerate(whole[:-1]):
        start = Position(**batch.after.as_dict())
        rest = batches(found, data, 33_333, start)
        assert [row for one in rest for row in told(one.rows)] == [
            row for one in whole[place + 1 :] for row in told(one.rows)
        ]


def test_going_on_inside_a_receipt_that_was_given_up():
    many = "".join([RECEIPTS, *(line("R1", f"P{n}") for n in range(GROUP_MAX + 700)), line("R2", "P")]).encode()
    found = layout("receipts", "csv", many)
    rows = found.rows(found.start)
    rows.lines.feed(many[found.start.offset :])
    rows.lines.close()
    first = rows.next()
    assert first is not None
    assert first.faults[0].code == "receipt_too_long"
    start = Position(rows.lines.offset, rows.lines.number, rows.split)
    rest = [row for batch in batches(found, many, 5000, Position(**start.as_dict())) for row in batch.rows]
    assert [row.item["number"] if row.item else row.faults[0].code for row in rest] == ["receipt_too_long", "R2"]


def test_a_batch_is_bounded_in_rows_and_in_bytes():
    found = layout("products", "csv", HEADER.encode())
    small = batches(found, HEADER.encode() + b"".join(b"C%d,,,\n" % n for n in range(2500)), BLOCK)
    assert [len(batch.rows) for batch in small] == [1000, 1000, 500]
    wide = b"".join(b"C%d,%b,,\n" % (n, b"w" * 100_000) for n in range(100))
    big = batches(found, HEADER.encode() + wide, BLOCK)
    assert max(len(batch.rows) for batch in big) < 45
    assert sum(len(batch.rows) for batch in big) == 100


def test_memory_does_not_grow_with_one_endless_line():
    found = layout("products", "csv", HEADER.encode())
    reading = Batches(found.rows(found.start))
    reading.feed(b"A1,")
    tracemalloc.start()
    try:
        for _ in range(100):
            reading.feed(b"x" * BLOCK)
            assert reading.take() is None
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8 * BLOCK
    reading.feed(b"\nB2,,,\n")
    reading.feed(None)
    first, last = reading.take(), reading.take()
    assert first is not None
    assert last is not None
    assert [row.item or row.faults[0].code for row in first.rows + last.rows] == ["line_too_long", {"code": "B2"}]
    assert last.after.offset == len("A1,") + 100 * BLOCK + len("\nB2,,,\n") + len(HEADER)
