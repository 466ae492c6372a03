-- Money that goes back. A refund or a dispute takes back of an earning what it was for, once, and may be undone once; a
-- refund of a service, which is no earning of its own, is kept beside the sale and prices its month again; a payout that
-- comes back is an earning again, and is `reversed` when all of it did.


-- ---------------------------------------------------------------------------------------------------------------
-- Corrections
-- ---------------------------------------------------------------------------------------------------------------

-- The provider's references are unique everywhere, so an event is: in whatever program it is heard of, it takes back once.
DROP INDEX corrected_once_per_event;
CREATE UNIQUE INDEX corrected_once_per_event ON earning (source_ref) WHERE kind IN ('void', 'clawback');

-- What was taken back of an earning and what was put back again all name the first one, whatever it was split into: so
-- they can be summed. The parts of a split name the earning that was split.
CREATE FUNCTION corrections_keep_to_their_family() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp
    SET enable_seqscan = off AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM new_rows n
                CROSS JOIN LATERAL (SELECT corrects_id FROM earning WHERE id = n.corrects_id LIMIT 1) e
                WHERE n.kind IN ('void', 'clawback', 'reinstate') AND e.corrects_id IS NOT NULL)
    THEN PERFORM refuse('correction_names_the_first_earning', 'a correction names the first earning, not a part of it'); END IF;
    IF EXISTS (SELECT 1 FROM new_rows n
                 LEFT JOIN LATERAL (SELECT * FROM earning
                                     WHERE source_ref = n.source_ref AND kind IN ('void', 'clawback') LIMIT 1) t ON true
                WHERE n.kind = 'reinstate'
                  AND (t.corrects_id IS DISTINCT FROM n.corrects_id OR t.amount_minor IS DISTINCT FROM -n.amount_minor))
    THEN PERFORM refuse('reinstate_puts_back_what_was_taken', 'a reinstatement puts back what its event took, and no other sum'); END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER corrections_keep_to_their_family AFTER INSERT ON earning REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION corrections_keep_to_their_family();

-- As it was, and: a void moves what it voids, and what came back comes out of `paid`, never anew.
CREATE OR REPLACE FUNCTION movement_equals_earning() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp
    SET enable_seqscan = off AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM new_rows n
                 LEFT JOIN LATERAL (SELECT * FROM earning WHERE id = n.earning_id LIMIT 1) e ON true
                WHERE n.earning_id IS NOT NULL
                  AND (e.id IS NULL OR e.partner_id <> n.partner_id
                       OR (n.kind IN ('earn', 'return') AND e.amount_minor <> n.amount_minor)
                       OR (n.kind IN ('debt', 'void') AND e.amount_minor <> -n.amount_minor)))
    THEN PERFORM refuse('movement_equals_earning', 'an earning moves whole, for its own partner'); END IF;
    IF EXISTS (SELECT 1 FROM new_rows n
                CROSS JOIN LATERAL (SELECT kind FROM earning WHERE id = n.earning_id LIMIT 1) e
                WHERE n.kind IN ('earn', 'debt', 'void', 'return')
                  AND ((n.kind = 'void') <> (e.kind = 'void') OR (n.kind = 'return') <> (e.kind = 'return')))
    THEN PERFORM refuse('movement_fits_its_earning', 'a void moves as void, what came back as return, and nothing else so'); END IF;
    RETURN NULL;
END $$;


-- ---------------------------------------------------------------------------------------------------------------
-- Refunds of sales that are priced with their month
-- ---------------------------------------------------------------------------------------------------------------

-- Insert only. What went back of a sale by one event; the next accrual prices its month without it. A refund that failed,
-- or a dispute that was won, is undone by a row that names it.
CREATE TABLE sale_refund (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sale_id     bigint      NOT NULL REFERENCES sale,
    partner_id  bigint      NOT NULL,
    event_ref   text        NOT NULL CONSTRAINT refunded_once_per_event UNIQUE,
    gross_minor bigint      NOT NULL,                      -- above zero; below where it undoes
    undoes_id   bigint      CONSTRAINT refund_undone_once UNIQUE REFERENCES sale_refund,
    reason      text        NOT NULL,
    made_by     text        NOT NULL,
    at          timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT refund_takes_or_undoes CHECK (gross_minor <> 0 AND (undoes_id IS NULL) = (gross_minor > 0))
);
CREATE INDEX sale_refund_by_partner ON sale_refund (partner_id);
CREATE INDEX sale_refund_by_sale ON sale_refund (sale_id);

CREATE FUNCTION refunds_stay_within() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp
    SET enable_seqscan = off AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM new_rows n
                CROSS JOIN LATERAL (SELECT * FROM sale WHERE id = n.sale_id LIMIT 1) s
                CROSS JOIN LATERAL (SELECT sum(gross_minor) AS gross_minor FROM sale_refund WHERE sale_id = s.id) r
                WHERE n.partner_id <> s.partner_id OR r.gross_minor NOT BETWEEN 0 AND s.gross_minor)
    THEN PERFORM refuse('refunds_never_exceed_the_sale', 'refunds sum to more than the sale they are of'); END IF;
    IF EXISTS (SELECT 1 FROM new_rows n
                CROSS JOIN LATERAL (SELECT * FROM sale_refund WHERE id = n.undoes_id LIMIT 1) t
                WHERE n.undoes_id IS NOT NULL
                  AND (t.sale_id <> n.sale_id OR t.gross_minor <> -n.gross_minor))
    THEN PERFORM refuse('undoing_puts_back_what_was_refunded', 'undoing a refund puts back what it took, and no other sum'); END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER refunds_stay_within AFTER INSERT ON sale_refund REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION refunds_stay_within();
CREATE TRIGGER history BEFORE UPDATE OR DELETE OR TRUNCATE ON sale_refund
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_edit();


-- ---------------------------------------------------------------------------------------------------------------
-- Payouts that come back
-- ---------------------------------------------------------------------------------------------------------------

CREATE FUNCTION reversed_when_all_came_back() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp
    SET enable_seqscan = off AS $$
BEGIN
    IF NEW.net_minor <> (SELECT coalesce(sum(amount_minor), 0) FROM ledger_transfer
                          WHERE payout_id = NEW.id AND kind = 'return')
    THEN PERFORM refuse('reversed_when_all_came_back', format('payout %s has not come back whole', NEW.id)); END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER reversed_when_all_came_back AFTER UPDATE OF status ON payout DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.status = 'reversed') EXECUTE FUNCTION reversed_when_all_came_back();

-- A new measure: what came back of payouts, net, by the day it did.
ALTER TABLE daily_total DROP CONSTRAINT declared_measure;
ALTER TABLE daily_total ADD CONSTRAINT declared_measure CHECK (measure IN (
    'revenue', 'platform_fee', 'earned', 'paid', 'payout_fee', 'failed', 'returned'));

CREATE OR REPLACE FUNCTION total_earnings() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO daily_total
    SELECT (n.occurred_at AT TIME ZONE g.zone)::date, n.program_id, m.measure, count(*), sum(m.amount)
      FROM new_rows n JOIN program g ON g.id = n.program_id
     CROSS JOIN LATERAL (VALUES ('earned', n.amount_minor, n.kind <> 'return'),
                                ('platform_fee', n.fee_minor, n.kind <> 'return'),
                                ('returned', n.amount_minor, n.kind = 'return')) AS m (measure, amount, wanted)
     WHERE n.kind NOT IN ('carry_out', 'carry_in') AND m.wanted
     GROUP BY 1, 2, 3;
    RETURN NULL;
END $$;


DO $$
BEGIN
    IF EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'paydesk_app') THEN
        GRANT SELECT, INSERT ON sale_refund TO paydesk_app;
    END IF;
END $$;
