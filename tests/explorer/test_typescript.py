"""The TypeScript that is made of messages and calls: up to date, and faithful in what may be left out."""

from convscope.explorer import typescript
from convscope.explorer.calls import ROUTES


def test_the_file_is_up_to_date():
    assert typescript.FILE.read_text("utf-8") == typescript.typescript(), (
        "Run python -m convscope.explorer.typescript --write"
    )


def test_what_the_page_sends_may_leave_out_defaults_and_what_it_gets_is_whole():
    text = typescript.typescript()
    look = text[text.index("export interface Look ") :].partition("}")[0]
    assert "  side?: number;" in look and "  image: string;" in look and "  hidden?: Box[];" in look
    looked = text[text.index("export interface Looked ") :].partition("}")[0]
    assert "  reach: [number, number] | null;" in looked and "  explained: string;" in looked
    assert 'export type State = "queued" | "running" | "done" | "failed" | "cancelled";' in text
    assert "  state: State;" in text and '  kind: "scan";' in text


def test_every_call_stands_once_in_the_table_of_what_it_answers_with():
    plain, framed = typescript.typescript().split("export interface Plain ")[1].split("export interface Framed ")
    assert "  session: [null, Session];" in plain and "  cancel: [OfJob, Job];" in plain
    assert "  look: [Look, Looked];" in framed
    for route in ROUTES:
        assert [table.count(f"\n  {route.name}: [") for table in (plain, framed)] == [not route.framed, route.framed]
