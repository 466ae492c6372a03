"""Events that got stuck are tried again when a person says what was mended, and never otherwise."""

import pytest

from core.access import NotAllowed
from core.events.again import NoReasonToTry, NothingStuck, try_again
from core.events.applying import apply_due
from core.events.inbox import record_events
from core.refusals import Refusal
from tests.core.events.witness import effects, event_of, states, witnessing
from tests.desk import DAY, MIA, NOW, OLA, Desk
from tests.stripe.fake import FakeStripe
from tests.stripe.telling import source_of


class Impossible(Refusal):
    """This cannot be."""

    code = "impossible"


def test_a_stuck_event_is_tried_again_once_an_operator_says_why(desk: Desk, fake: FakeStripe) -> None:
    def refuse(_event: object) -> None:
        raise Impossible

    with witnessing() as witness:
        desk.decide(lambda conn: record_events(conn, "stripe", [event_of("evt_1")], came_by="poll", now=NOW))
        witness.before = refuse
        apply_due(desk.engine, source_of(fake), now=NOW)
        assert states(desk) == ["stuck"]
        for actor, reason, refusal in ((MIA, "mended", NotAllowed), (OLA, " ", NoReasonToTry)):
            with pytest.raises(refusal), desk.engine.begin() as conn:
                try_again(conn, reason=reason, actor=actor, now=NOW)
        assert states(desk) == ["stuck"]

        later = NOW + 9 * DAY
        assert desk.decide(lambda conn: try_again(conn, reason="mended", actor=OLA, now=later)) == 1
        apply_due(desk.engine, source_of(fake), now=later)
        assert states(desk) == ["stuck"]  # it still cannot be

        witness.before = lambda _event: None
        desk.decide(lambda conn: try_again(conn, reason="mended", actor=OLA, now=later))
        apply_due(desk.engine, source_of(fake), now=later)

    assert (effects(desk), states(desk)) == (["tr_1"], ["applied"])
    told = "SELECT actor || ' ' || (details ->> 'refs') FROM audit WHERE action = 'events.tried_again'"
    assert desk.column(told) == ['user:ola ["evt_1"]'] * 2
    with pytest.raises(NothingStuck):
        desk.decide(lambda conn: try_again(conn, reason="again", actor=OLA, now=later))
    assert desk.faults() == []
