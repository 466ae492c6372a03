"""The dashboard: signs the person in, builds the navigation by role, and runs one page."""

import streamlit as st

from pages.shared import decisions, faults, nav, sign_in, stopping

st.set_page_config(
    page_title="Paydesk", page_icon="static/favicon.png", layout="wide", initial_sidebar_state=216
)
with faults.told():
    person = sign_in.current()
    page = nav.register(person)
    if person is None:
        person = sign_in.ask()
        page = nav.register(person)
    if person is not None:
        st.logo(nav.LOGO)
        nav.sidebar(person)
        sign_in.watch()
        decisions.recover()
        decisions.renew_tokens()
        stopping.banner()
        page.run()
