-- What customers paid at the provider, and what of it went back to them. A payment is the sale it made, or waits for a
-- person who says whose it is, or was set aside, or has paid the partner already and is never ours to pay.
--
-- Lock order: whoever changes a payment holds its advisory lock first of all; its rows are of "the rest".


-- ---------------------------------------------------------------------------------------------------------------
-- Payments
-- ---------------------------------------------------------------------------------------------------------------

CREATE TABLE payment (
    id                bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    provider          text        NOT NULL,
    payment_ref       text        NOT NULL,
    charge_ref        text,
    source_ref        text        NOT NULL,                 -- the booking it says it pays, else its own reference
    amount_minor      bigint      NOT NULL CONSTRAINT payment_amount_is_positive CHECK (amount_minor > 0),
    currency          char(3)     NOT NULL CONSTRAINT payment_currency_is_upper_case CHECK (currency ~ '^[A-Z]{3}$'),
    occurred_at       timestamptz NOT NULL,                 -- the provider's clock
    partner_code      text,                                 -- as the payment says it, right or wrong
    kind              text,                                 -- of sale, as the payment says it
    description       text        NOT NULL DEFAULT '',
    destination       text,                                 -- the account it paid outside the desk
    transferred_minor bigint,                               -- how much of it, where the provider says
    state             text        NOT NULL,
    why               text,                                 -- what it waits, or waited, for
    sale_id           bigint      REFERENCES sale,
    seen_at           timestamptz NOT NULL,
    decided_at        timestamptz,
    decided_by        text,
    reason            text,
    CONSTRAINT payment_once UNIQUE (provider, payment_ref),
    CONSTRAINT declared_payment_state CHECK (state IN ('sale', 'waiting', 'set_aside', 'outside')),
    CONSTRAINT declared_payment_why CHECK (why IN (
        'no_partner', 'unknown_partner', 'other_program', 'wrong_currency', 'kind_not_taken', 'known_otherwise')),
    CONSTRAINT waiting_payment_says_why CHECK (state NOT IN ('waiting', 'set_aside') OR why IS NOT NULL),
    CONSTRAINT payment_is_a_sale_or_none CHECK ((state = 'sale') = (sale_id IS NOT NULL)),
    CONSTRAINT outside_payment_names_its_account CHECK ((state = 'outside') = (destination IS NOT NULL)),
    CONSTRAINT transferred_within_the_payment CHECK (
        transferred_minor BETWEEN 0 AND amount_minor AND (transferred_minor IS NULL OR state = 'outside')),
    CONSTRAINT payment_decided_whole CHECK (num_nonnulls(decided_at, decided_by, reason) IN (0, 3)),
    CONSTRAINT payment_decided_by_a_person CHECK (decided_by LIKE 'user:_%'),
    CONSTRAINT setting_aside_says_why CHECK (state <> 'set_aside' OR (decided_by IS NOT NULL AND reason <> ''))
);
CREATE UNIQUE INDEX one_payment_per_sale ON payment (sale_id) WHERE sale_id IS NOT NULL;
CREATE INDEX payment_waiting ON payment (occurred_at, id) WHERE state = 'waiting';
CREATE INDEX payment_set_aside ON payment (decided_at, id) WHERE state = 'set_aside';
CREATE INDEX payment_outside ON payment (destination, occurred_at, id) WHERE state = 'outside';

CREATE FUNCTION payment_is_decided_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.decided_at IS NOT NULL
        THEN PERFORM refuse('payment_begins_undecided', 'a payment arrives before anybody decides on it'); END IF;
        RETURN NEW;
    END IF;
    IF OLD.state <> 'waiting' OR NEW.state NOT IN ('sale', 'set_aside') OR NEW.decided_at IS NULL
    THEN PERFORM refuse('payment_is_decided_once', 'a person decides on a payment that waits, once'); END IF;
    IF to_jsonb(NEW) - '{state,sale_id,decided_at,decided_by,reason}'::text[]
       IS DISTINCT FROM to_jsonb(OLD) - '{state,sale_id,decided_at,decided_by,reason}'::text[]
    THEN PERFORM refuse('payment_is_frozen', 'what a customer paid, when and for whom never changes'); END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER payment_is_decided_once BEFORE INSERT OR UPDATE ON payment
    FOR EACH ROW EXECUTE FUNCTION payment_is_decided_once();
CREATE TRIGGER payment_is_kept BEFORE DELETE OR TRUNCATE ON payment FOR EACH STATEMENT EXECUTE FUNCTION refuse_edit();


-- ---------------------------------------------------------------------------------------------------------------
-- Refunds and disputes of payments
-- ---------------------------------------------------------------------------------------------------------------

-- As the provider showed it last. It only moves on, so that an answer which comes late changes nothing: `open` while
-- nothing has gone back, `gone` when it has, `ended` when nothing did or it came back.
CREATE TABLE payment_refund (
    provider     text        NOT NULL,
    ref          text        NOT NULL,
    payment_id   bigint      NOT NULL REFERENCES payment,
    kind         text        NOT NULL,
    amount_minor bigint      NOT NULL CONSTRAINT payment_refund_is_positive CHECK (amount_minor > 0),
    status       text        NOT NULL,                      -- the provider's word
    state        text        NOT NULL,
    under_way    boolean     NOT NULL,                      -- a dispute that is not settled: what is left is held
    at           timestamptz NOT NULL,
    changed_at   timestamptz NOT NULL,
    PRIMARY KEY (provider, ref),
    CONSTRAINT declared_payment_refund CHECK (kind IN ('refund', 'dispute')),
    CONSTRAINT declared_payment_refund_state CHECK (state IN ('open', 'gone', 'ended')),
    CONSTRAINT only_a_dispute_is_under_way CHECK (NOT under_way OR kind = 'dispute')
);
CREATE INDEX payment_refund_by_payment ON payment_refund (payment_id, at, ref);

CREATE FUNCTION payment_refund_moves_on() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.state = 'ended' AND NEW.state <> 'ended') OR (OLD.state = 'gone' AND NEW.state = 'open')
       OR (NEW.under_way AND NOT OLD.under_way)
    THEN PERFORM refuse('payment_refund_moves_on', 'what went back, and what was settled, is not undone by an older answer'); END IF;
    IF (NEW.provider, NEW.ref, NEW.payment_id, NEW.kind, NEW.amount_minor, NEW.at)
       IS DISTINCT FROM (OLD.provider, OLD.ref, OLD.payment_id, OLD.kind, OLD.amount_minor, OLD.at)
    THEN PERFORM refuse('payment_refund_is_frozen', 'what a refund or dispute is about never changes'); END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER payment_refund_moves_on BEFORE UPDATE ON payment_refund
    FOR EACH ROW EXECUTE FUNCTION payment_refund_moves_on();
CREATE TRIGGER payment_refund_is_kept BEFORE DELETE OR TRUNCATE ON payment_refund
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_edit();


DO $$
BEGIN
    IF EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'paydesk_app') THEN
        GRANT SELECT, INSERT ON payment, payment_refund TO paydesk_app;
        GRANT UPDATE (state, sale_id, decided_at, decided_by, reason) ON payment TO paydesk_app;
        GRANT UPDATE (status, state, under_way, changed_at) ON payment_refund TO paydesk_app;
    END IF;
END $$;
