"""The TypeScript that is made of the messages: up to date, and faithful in what may be left out."""

from convscope.fronts.server import schema


def test_the_file_is_up_to_date():
    assert schema.FILE.read_text("utf-8") == schema.typescript(), "Run python -m convscope.fronts.server.schema --write"


def test_what_the_page_sends_may_leave_out_defaults_and_what_it_gets_is_whole():
    text = schema.typescript()
    look = text[text.index("export interface Look ") :].partition("}")[0]
    assert "  side?: number;" in look and "  image: string;" in look and "  hidden?: Box[];" in look
    looked = text[text.index("export interface Looked ") :].partition("}")[0]
    assert "  reach: [number, number] | null;" in looked and "  explained: string;" in looked
    assert 'export type State = "queued" | "running" | "done" | "failed" | "cancelled";' in text
    assert "  state: State;" in text and '  kind: "scan";' in text
