-- The safety of whoever sends: transfers that an older backup forgot are adopted and never made twice; the provider's
-- balance is seen; a person asks for a reconciliation, and the scheduler runs it.


-- ---------------------------------------------------------------------------------------------------------------
-- Adoption: a restored database learns that its payout was paid by a transfer it does not remember
-- ---------------------------------------------------------------------------------------------------------------

-- The provider's reference of a transfer that no attempt here made. Such an attempt sends nothing: it books what is there.
ALTER TABLE attempt ADD COLUMN adopts text;

-- Booking what left before is no leaving: it goes on while sending is stopped.
DROP TRIGGER nothing_leaves_while_stopped ON attempt;
CREATE TRIGGER nothing_leaves_while_stopped AFTER INSERT ON attempt
    FOR EACH ROW WHEN (NEW.adopts IS NULL) EXECUTE FUNCTION nothing_leaves_while_stopped();

CREATE FUNCTION adopts_what_is_there() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp
    SET enable_seqscan = off AS $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM provider_transfer m JOIN payout p ON p.ref = m.payout_ref
         WHERE m.provider = NEW.provider AND m.provider_ref = NEW.adopts AND p.id = NEW.payout_id
           AND m.amount_minor = p.net_minor AND m.currency = p.currency
           AND m.amount_minor = (NEW.params ->> 'amount_minor')::bigint AND m.destination = NEW.params ->> 'destination')
    THEN PERFORM refuse('adopts_what_is_there', 'only a transfer that the provider shows, of exactly this payout, is adopted'); END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER adopts_what_is_there AFTER INSERT ON attempt
    FOR EACH ROW WHEN (NEW.adopts IS NOT NULL) EXECUTE FUNCTION adopts_what_is_there();

CREATE FUNCTION adoption_is_made_at_once() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM attempt WHERE payout_id = NEW.payout_id AND n = NEW.n
                      AND state = 'succeeded' AND provider_ref = NEW.adopts)
    THEN PERFORM refuse('adoption_is_made_at_once', 'an adopted transfer is booked in the transaction that adopts it'); END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER adoption_is_made_at_once AFTER INSERT ON attempt DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.adopts IS NOT NULL) EXECUTE FUNCTION adoption_is_made_at_once();

CREATE FUNCTION adoption_is_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM refuse('adoption_is_frozen', 'what an attempt adopts never changes');
    RETURN NULL;
END $$;
CREATE TRIGGER adoption_is_frozen BEFORE UPDATE ON attempt
    FOR EACH ROW WHEN (NEW.adopts IS DISTINCT FROM OLD.adopts) EXECUTE FUNCTION adoption_is_frozen();

-- Whatever else a process believes: a payout that the provider shows a transfer for is not sent again.
CREATE FUNCTION paid_already() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp
    SET enable_seqscan = off AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM payout p JOIN provider_transfer m ON m.payout_ref = p.ref
                WHERE p.id = NEW.payout_id AND m.provider = NEW.provider)
    THEN PERFORM refuse('paid_already', 'the provider shows a transfer for this payout: it is not sent again'); END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER paid_already AFTER INSERT ON attempt
    FOR EACH ROW WHEN (NEW.adopts IS NULL) EXECUTE FUNCTION paid_already();


-- ---------------------------------------------------------------------------------------------------------------
-- The provider's balance
-- ---------------------------------------------------------------------------------------------------------------

-- Insert only. What a reconciliation saw of the provider's own account, by currency, and what had moved since the last look.
CREATE TABLE balance_seen (
    provider      text        NOT NULL,
    currency      char(3)     NOT NULL,
    at            timestamptz NOT NULL,
    balance_minor bigint,                                  -- may be sent; NULL: without limit
    since         timestamptz,                             -- of the look before; NULL: this is the first
    sent_minor    bigint      NOT NULL,                    -- our payouts took since then
    returned_minor bigint     NOT NULL,                    -- came back of our payouts since then
    PRIMARY KEY (provider, currency, at),
    CONSTRAINT seen_after_the_look_before CHECK (since < at),
    CONSTRAINT sent_not_below_zero CHECK (sent_minor >= 0),
    CONSTRAINT returned_not_below_zero CHECK (returned_minor >= 0)
);
CREATE TRIGGER history BEFORE UPDATE OR DELETE OR TRUNCATE ON balance_seen
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_edit();
CREATE INDEX ledger_returned ON ledger_transfer (effective_at) WHERE kind = 'return';

-- A day's transfers in the provider's own account book, where they are otherwise than the transfers it lists.
ALTER TABLE difference DROP CONSTRAINT declared_difference;
ALTER TABLE difference ADD CONSTRAINT declared_difference CHECK (kind IN (
    'missing_here', 'missing_there', 'wrong_amount', 'wrong_destination', 'duplicate', 'total', 'balance'));
ALTER TABLE difference DROP CONSTRAINT difference_names_its_transfer;
ALTER TABLE difference ADD CONSTRAINT difference_names_its_transfer
    CHECK ((kind IN ('total', 'balance')) = (provider_ref IS NULL));
ALTER TABLE difference DROP CONSTRAINT difference_names_its_payout;
ALTER TABLE difference ADD CONSTRAINT difference_names_its_payout CHECK (
    CASE WHEN kind IN ('missing_there', 'wrong_amount', 'wrong_destination') THEN payout_id IS NOT NULL
         WHEN kind IN ('total', 'balance') THEN payout_id IS NULL ELSE true END);


-- ---------------------------------------------------------------------------------------------------------------
-- Reconciliations that somebody asked for
-- ---------------------------------------------------------------------------------------------------------------

CREATE TABLE reconcile_request (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    asked_at timestamptz NOT NULL,
    asked_by text        NOT NULL,                         -- 'user:ada', or 'job:send' where a gate found something
    began_at timestamptz,
    ended_at timestamptz,
    fault    text,                                         -- why the comparison did not come to its end
    CONSTRAINT request_begins_before_it_ends CHECK (ended_at IS NULL OR began_at IS NOT NULL),
    CONSTRAINT only_an_ended_request_failed CHECK (fault IS NULL OR ended_at IS NOT NULL)
);
CREATE UNIQUE INDEX one_open_reconcile_request ON reconcile_request ((true)) WHERE ended_at IS NULL;

CREATE FUNCTION reconcile_request_ends_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.ended_at IS NOT NULL OR (NEW.id, NEW.asked_at, NEW.asked_by) IS DISTINCT FROM (OLD.id, OLD.asked_at, OLD.asked_by)
    THEN PERFORM refuse('reconcile_request_ends_once', 'who asked when stays, and so does how it ended'); END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER reconcile_request_ends_once BEFORE UPDATE ON reconcile_request
    FOR EACH ROW EXECUTE FUNCTION reconcile_request_ends_once();
CREATE TRIGGER reconcile_request_is_kept BEFORE DELETE OR TRUNCATE ON reconcile_request
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_edit();


DO $$
BEGIN
    IF EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'paydesk_app') THEN
        GRANT SELECT, INSERT ON balance_seen, reconcile_request TO paydesk_app;
        GRANT UPDATE (began_at, ended_at, fault) ON reconcile_request TO paydesk_app;
    END IF;
END $$;
