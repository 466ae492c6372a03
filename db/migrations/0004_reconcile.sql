-- Reconciliation. The provider's transfers as it last showed them, what comparing them with ours found, and who closed it.
-- Nothing here moves money or mends a book: a difference is a row that a person closes.
--
-- Lock order: a run takes no lock of the desk's money; difference, then the stop, then audit_head last.

CREATE INDEX attempt_succeeded ON attempt (provider, started_at) WHERE state = 'succeeded';
CREATE INDEX simulator_by_time ON simulator_transfer (at, provider_ref) WHERE provider_ref IS NOT NULL;

-- The mirror: what the provider showed, whatever it was; a later look replaces an earlier one.
CREATE TABLE provider_transfer (
    provider       text        NOT NULL,
    provider_ref   text        NOT NULL,
    transfer_group text,
    payout_ref     uuid        GENERATED ALWAYS AS (       -- the payout it says it is for: our groups are its random id
        CASE WHEN transfer_group ~ '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$'
             THEN transfer_group::uuid END) STORED,
    amount_minor   bigint      NOT NULL CONSTRAINT provider_amount_is_positive CHECK (amount_minor > 0),
    currency       char(3)     NOT NULL CONSTRAINT provider_currency_is_upper_case CHECK (currency ~ '^[A-Z]{3}$'),
    destination    text        NOT NULL,
    reversed_minor bigint      NOT NULL,
    created_at     timestamptz NOT NULL,                   -- the provider's clock
    seen_at        timestamptz NOT NULL,                   -- the run that saw it last
    PRIMARY KEY (provider, provider_ref),
    CONSTRAINT reversed_within_the_transfer CHECK (reversed_minor BETWEEN 0 AND amount_minor)
);
CREATE INDEX provider_transfer_by_time ON provider_transfer (provider, created_at);
CREATE INDEX provider_transfer_by_payout ON provider_transfer (payout_ref) WHERE payout_ref IS NOT NULL;
CREATE TRIGGER mirror_is_kept BEFORE DELETE OR TRUNCATE ON provider_transfer
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_edit();

-- Insert only. One row per run that came to its end; one that was killed leaves none, and the next covers its time too.
CREATE TABLE reconciliation (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    provider  text        NOT NULL,
    since     timestamptz NOT NULL,
    until     timestamptz NOT NULL,
    transfers bigint      NOT NULL,                        -- the provider showed in that time
    CONSTRAINT reconciled_some_time CHECK (since < until)
);
CREATE INDEX reconciliation_by_provider ON reconciliation (provider, until);
CREATE TRIGGER history BEFORE UPDATE OR DELETE OR TRUNCATE ON reconciliation
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_edit();

-- Both books side by side, net of what came back, as the last run that covered the day found them.
CREATE TABLE reconciled_day (
    provider     text    NOT NULL,
    day          date    NOT NULL,                         -- UTC
    currency     char(3) NOT NULL,
    ours         bigint  NOT NULL,                         -- payouts that were sent
    ours_minor   bigint  NOT NULL,
    theirs       bigint  NOT NULL,                         -- transfers the provider holds
    theirs_minor bigint  NOT NULL,
    PRIMARY KEY (provider, day, currency)
);

CREATE TABLE difference (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    provider     text        NOT NULL,
    kind         text        NOT NULL,
    thing        text        NOT NULL,                     -- what differs: the transfer's reference, or day, currency, destination
    provider_ref text,
    payout_id    bigint      REFERENCES payout,
    amount_minor bigint      NOT NULL,                     -- that is in question
    currency     char(3)     NOT NULL,
    at           timestamptz NOT NULL,                     -- when it happened
    figures      jsonb       NOT NULL,                     -- the evidence: ours_* and theirs_* side by side
    run_id       bigint      NOT NULL REFERENCES reconciliation,
    found_at     timestamptz NOT NULL,
    gone_at      timestamptz,                              -- a later run found the books agreeing; it still waits for a person
    closed_at    timestamptz,
    closed_by    text,
    close_reason text,
    CONSTRAINT declared_difference CHECK (kind IN (
        'missing_here',        -- the provider holds a transfer that no attempt of ours made
        'missing_there',       -- we paid, and the provider holds no such transfer
        'wrong_amount', 'wrong_destination',
        'duplicate',           -- a second transfer for one payout
        'total')),             -- a day's sum, which none of the above explains: something came back on one side only
    CONSTRAINT difference_names_its_transfer CHECK ((kind = 'total') = (provider_ref IS NULL)),
    CONSTRAINT difference_names_its_payout CHECK (
        CASE WHEN kind IN ('missing_there', 'wrong_amount', 'wrong_destination') THEN payout_id IS NOT NULL
             WHEN kind = 'total' THEN payout_id IS NULL ELSE true END),
    CONSTRAINT difference_of_some_money CHECK (amount_minor > 0),
    CONSTRAINT difference_closed_whole CHECK (num_nonnulls(closed_at, closed_by, close_reason) IN (0, 3)),
    CONSTRAINT difference_closed_by_a_person CHECK (closed_by LIKE 'user:_%'),
    CONSTRAINT difference_closing_says_why CHECK (close_reason <> '')
);
CREATE UNIQUE INDEX one_open_difference ON difference (provider, kind, thing) WHERE closed_at IS NULL;
CREATE INDEX difference_by_thing ON difference (provider, kind, thing);
CREATE INDEX difference_by_payout ON difference (payout_id) WHERE payout_id IS NOT NULL;

CREATE FUNCTION difference_is_closed_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.closed_at IS NOT NULL
        THEN PERFORM refuse('difference_begins_open', 'a difference begins open'); END IF;
        RETURN NEW;
    END IF;
    IF OLD.closed_at IS NOT NULL
    THEN PERFORM refuse('difference_is_closed_once', 'a difference is closed once, and stays as it was closed'); END IF;
    IF (NEW.id, NEW.provider, NEW.kind, NEW.thing, NEW.provider_ref, NEW.payout_id, NEW.at, NEW.run_id, NEW.found_at)
       IS DISTINCT FROM
       (OLD.id, OLD.provider, OLD.kind, OLD.thing, OLD.provider_ref, OLD.payout_id, OLD.at, OLD.run_id, OLD.found_at)
    THEN PERFORM refuse('difference_is_frozen', 'what differs, and who found it when, never changes'); END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER difference_is_closed_once BEFORE INSERT OR UPDATE ON difference
    FOR EACH ROW EXECUTE FUNCTION difference_is_closed_once();
CREATE TRIGGER difference_is_kept BEFORE DELETE OR TRUNCATE ON difference FOR EACH STATEMENT EXECUTE FUNCTION refuse_edit();


DO $$
BEGIN
    IF EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'paydesk_app') THEN
        GRANT SELECT, INSERT ON provider_transfer, reconciliation, reconciled_day, difference TO paydesk_app;
        GRANT UPDATE ON provider_transfer TO paydesk_app;
        GRANT UPDATE (figures, amount_minor, currency, gone_at, closed_at, closed_by, close_reason) ON difference TO paydesk_app;
        GRANT DELETE ON reconciled_day TO paydesk_app;
    END IF;
END $$;
