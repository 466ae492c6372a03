"""Files into the desk: what one would do is shown before anything is written."""

from __future__ import annotations

import streamlit as st

from core.imports import IMPORTERS, ImportResult, kind_of, template
from core.reads.imports import imported_files
from core.refusals import Refusal
from pages.shared import address, elements, frame, import_runs, import_story, tables, taking_home
from pages.shared import format as fmt
from pages.shared.cells import instant, linked_to, number
from pages.shared.faults import live
from pages.shared.import_runs import File, Run
from pages.shared.status import badge

REFRESH_S = 1.0
PROBLEMS_SHOWN = 12
UPLOADER = "import-file"
FORGET = "import-round"  # another round is an empty uploader
COUNTS = {
    "added": "New",
    "updated": "Changed",
    "unchanged": "Known already",
    "refused": "Refused",
    "conflicts": "In conflict",
}
HELP = {
    "partners": "who gets paid, how, and since when; a later file is an update",
    "customers": "whom they referred, and who has left",
    "sales": "what they are owed for; a sale is taken in once",
}


def page() -> None:
    """Draw the page."""
    person, run = frame.person(), address.given_id("run")
    if run is not None:
        import_story.draw(run)
        return
    frame.header("Import", "What would this file add, change and refuse?")
    if not person.may("import files"):
        elements.empty(
            "You may look at what came in", "Taking files in takes a maker, operator or admin.", "lock"
        )
        _before()
        return
    round_ = int(st.session_state.get(FORGET, 0))
    given = st.file_uploader(
        "A CSV file of partners, customers or sales", type="csv", key=f"{UPLOADER}-{round_}"
    )
    if given is None:
        _templates()
        _before()
        return
    data = given.getvalue()
    kind = _kind(data)
    if kind is None:
        return
    file = File(name=given.name, kind=kind, data=data)
    taken = import_runs.runs().of(file.import_key)
    if taken is not None:
        _follow(taken, file, taking_in=True)
    else:
        checked = import_runs.runs().of(file.check_key) or import_runs.check(file, person)
        _follow(checked, file, taking_in=False)


def _kind(data: bytes) -> str | None:
    """What the file has: its header says so, or the person does."""
    try:
        said = kind_of(data)
    except Refusal as refusal:
        st.markdown(f":orange[:material/edit:] {fmt.plain(refusal.sentence)}")
        return None
    if said is not None:
        return said
    return st.segmented_control(
        "The header is none we know. The file has",
        list(IMPORTERS),
        format_func=str.capitalize,
        key="import-kind",
    )


def _follow(run: Run, file: File, *, taking_in: bool) -> None:
    if run.over:
        _over(run, file, taken=taking_in)
        return
    live(REFRESH_S)(_progress)(run, taking_in=taking_in)


def _progress(run: Run, *, taking_in: bool) -> None:
    if run.over:
        frame.draw_anew()
    doing = "Taking in" if taking_in else "Checking"
    st.progress(0.0, f"{doing} {fmt.plain(run.file_name)} … {fmt.count(run.done.rows, 'row')} so far")
    st.caption("It goes on if you close this page.")


def _over(run: Run, file: File, *, taken: bool) -> None:
    if run.result is None:
        st.markdown(f":orange[:material/front_hand:] {fmt.plain(run.fault or '')}")
        st.button("Another file", icon=":material/upload_file:", on_click=_another, args=(file,))
        return
    result = run.result
    with st.container(border=True, gap="small"):
        what = f"{fmt.plain(file.name)}, {fmt.count(result.rows, 'row')} of {file.kind}"
        if taken:
            st.markdown(f"{badge('done', 'Taken in')}\u2003**{what}**")
        else:
            st.markdown(elements.title(what, "nothing is written yet"))
        _figures(result)
        _next(result, file, taken=taken)
        _problems(result, run, file)


def _figures(result: ImportResult) -> None:
    grid = st.grid(5, min_column_width=110)
    for name, label in COUNTS.items():
        grid.metric(label, f"{getattr(result, name):,}", border=True, height="stretch")


def _problems(result: ImportResult, run: Run, file: File) -> None:
    if not result.problems:
        return
    shown = result.problems[:PROBLEMS_SHOWN]
    records = [(str(line), column or "the row", fmt.plain(sentence)) for line, column, sentence in shown]
    tables.rows(records, ["Line", "Field", "What to do"])
    rest = len(result.problems) - len(shown)
    with st.container(horizontal=True, vertical_alignment="center"):
        if rest > 0:
            st.caption(f"and {rest:,} more", width="content")
        taking_home.button(
            "Rejects",
            lambda _conn, actor: taking_home.only("import files", actor, run.rejects or b""),
            file_name=f"rejects-{file.name}",
            told="The rows that do not go in, each with what is wrong: mend them and drop that file here",
        )


def _next(result: ImportResult, file: File, *, taken: bool) -> None:
    going = result.added + result.updated
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.caption(_come_to(result, taken=taken), width="content")
        with st.container(horizontal=True, vertical_alignment="center", width="content"):
            if taken:
                st.page_link("pages/partners.py", label="Partners", icon=":material/groups:")
                st.button("Another file", icon=":material/upload_file:", on_click=_another, args=(file,))
                return
            st.button("Not now", on_click=_another, args=(file,))
            if going:
                label = f"Take in {fmt.count(going, 'row')}"
                elements.primary(label, "done", key="import-go", on_click=_go, args=(file,))


def _come_to(result: ImportResult, *, taken: bool) -> str:
    if not taken and not result.added + result.updated:
        return "Nothing in it is new: taking it in would change nothing."
    return f"The new ones come to {fmt.totals(result.gross)} gross." if result.gross else ""


def _go(file: File) -> None:
    import_runs.take_in(file, frame.person())


def _another(file: File) -> None:
    import_runs.runs().forget(file)
    st.session_state[FORGET] = int(st.session_state.get(FORGET, 0)) + 1


def _templates() -> None:
    with st.container(border=True, gap="small"):
        st.markdown(elements.title("What a file looks like", "UTF-8, one header line, amounts as 25.00"))
        for kind in IMPORTERS:
            with st.container(horizontal=True, vertical_alignment="center"):
                st.download_button(
                    kind.capitalize(),
                    data=template(kind),
                    file_name=f"{kind}.csv",
                    mime="text/csv",
                    icon=":material/download:",
                    type="tertiary",
                    on_click="ignore",
                    key=f"template-{kind}",
                )
                st.caption(HELP[kind], width="content")


def _before() -> None:
    with frame.reading() as conn:
        files = imported_files(conn)
    now, zone = frame.now(), frame.zone()
    if files.empty:
        return
    with st.container(border=True, gap="small"):
        st.markdown(elements.title("What came in before", "newest first"))
        records = [
            (
                fmt.moment(instant(row.at), zone, now),
                str(row.kind).capitalize(),
                linked_to("imports", str(row.file_name), run=str(number(row.id))),
                fmt.plain(fmt.person(str(row.made_by))),
                f"{number(row.rows):,}",
                f"{number(row.added):,}",
                f"{number(row.updated):,}",
                f"{number(row.refused):,}",
            )
            for row in tables.each(files)
        ]
        figures = ["Rows", "New", "Changed", "Not taken"]
        tables.rows(records, ["When", "What", "File", "By", *figures], right=figures)


page()
