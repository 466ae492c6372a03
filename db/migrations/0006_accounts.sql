-- Connected accounts as the provider last showed them, and what their banks did with the money.
--
-- Lock order: partner_balance, payout, then account_state or bank_arrival, audit_head last.

-- One row: the rail that sends, as its process told. A page holds no key, so it reads here what leaves by this rail.
CREATE TABLE rail_in_use (
    one      boolean     PRIMARY KEY DEFAULT true CONSTRAINT one_rail_at_a_time CHECK (one),
    provider text        NOT NULL,
    methods  text[]      NOT NULL CONSTRAINT rail_serves_a_method CHECK (cardinality(methods) > 0),
    livemode boolean,                                      -- null: the provider knows no modes
    since    timestamptz NOT NULL
);

-- A cache, with its age: the sender asks again before each claim, and writes here what its guard then reads.
CREATE TABLE account_state (
    provider   text        NOT NULL,
    account    text        NOT NULL,
    ready      boolean     NOT NULL,
    reasons    jsonb       NOT NULL,                       -- why it cannot be paid: [{"code", "sentence"}]
    whose      text        NOT NULL,                       -- who has to move so that it can
    due        text[]      NOT NULL,                       -- what the provider still asks of its owner
    due_by     timestamptz,
    banks      bytea,                                      -- digest of where it pays out to; null: never shown
    had_bank   boolean     NOT NULL,                       -- it has paid out to some place before
    asked_at   timestamptz NOT NULL,                       -- the database's clock: of two answers the later question's stands
    checked_at timestamptz NOT NULL,                       -- the desk's clock
    PRIMARY KEY (provider, account),
    CONSTRAINT account_is_named CHECK (account <> ''),
    CONSTRAINT reasons_are_a_list CHECK (jsonb_typeof(reasons) = 'array'),
    CONSTRAINT ready_for_no_reason_against CHECK (ready = (reasons = '[]'::jsonb)),
    CONSTRAINT declared_mover CHECK (whose IN ('partner', 'provider')),
    CONSTRAINT banks_are_a_digest CHECK (octet_length(banks) = 32),
    CONSTRAINT had_bank_means_shown CHECK (banks IS NOT NULL OR NOT had_bank)
);
CREATE INDEX account_not_ready ON account_state (account) WHERE NOT ready;

CREATE FUNCTION account_state_never_goes_back() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.asked_at < OLD.asked_at OR (OLD.had_bank AND NOT NEW.had_bank)
    THEN PERFORM refuse('account_state_never_goes_back', 'what is known of an account is not replaced by what was known before'); END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER account_state_never_goes_back BEFORE UPDATE ON account_state
    FOR EACH ROW EXECUTE FUNCTION account_state_never_goes_back();
CREATE TRIGGER account_state_is_kept BEFORE DELETE OR TRUNCATE ON account_state
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_edit();

-- Where the money of a paid payout is on its way from the partner's account to their bank. It is none of our books: it
-- moves no money here and changes no payout. One that failed is followed by the one that takes the money along again.
CREATE TABLE bank_arrival (
    payout_id    bigint      PRIMARY KEY REFERENCES payout,
    provider     text        NOT NULL,
    account      text        NOT NULL,
    bank_ref     text        NOT NULL,                     -- the provider's payout to the bank
    step         int         NOT NULL,                     -- how many before it came back from the bank
    asked_for    boolean     NOT NULL,                     -- asked for by us, for this payout alone
    made_at      timestamptz NOT NULL,                     -- the provider's clock
    status       text        NOT NULL,
    arrival_date date,
    failure_code text,
    failure      text,
    as_of        timestamptz NOT NULL,
    CONSTRAINT arrival_names_its_bank_payout CHECK (bank_ref <> ''),
    CONSTRAINT arrival_steps_are_counted CHECK (step >= 0),
    CONSTRAINT declared_arrival CHECK (status IN ('pending', 'in_transit', 'paid', 'failed', 'canceled')),
    CONSTRAINT failed_arrival_says_why CHECK ((status = 'failed') = (failure IS NOT NULL) AND failure <> ''),
    CONSTRAINT only_failed_has_a_code CHECK (failure_code IS NULL OR status = 'failed')
);
CREATE INDEX bank_arrival_failed ON bank_arrival (payout_id) WHERE status = 'failed';

CREATE FUNCTION arrival_rank(status text) RETURNS int LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE status WHEN 'pending' THEN 0 WHEN 'in_transit' THEN 1 WHEN 'paid' THEN 2 ELSE 3 END
$$;
CREATE FUNCTION arrival_moves_on() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM payout WHERE id = NEW.payout_id AND status IN ('paid', 'reversed'))
    THEN PERFORM refuse('arrival_of_what_has_left', format('payout %s has not left', NEW.payout_id)); END IF;
    IF TG_OP = 'INSERT' THEN RETURN NEW; END IF;
    IF NEW.payout_id <> OLD.payout_id
       OR (NEW.step, NEW.asked_for, NEW.made_at) < (OLD.step, OLD.asked_for, OLD.made_at)
       OR (NEW.bank_ref = OLD.bank_ref AND arrival_rank(NEW.status) < arrival_rank(OLD.status))
    THEN PERFORM refuse('arrival_moves_on', format('the arrival of payout %s goes back', NEW.payout_id)); END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER arrival_moves_on BEFORE INSERT OR UPDATE ON bank_arrival
    FOR EACH ROW EXECUTE FUNCTION arrival_moves_on();
CREATE TRIGGER arrival_is_kept BEFORE DELETE OR TRUNCATE ON bank_arrival
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_edit();


DO $$
BEGIN
    IF EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'paydesk_app') THEN
        GRANT SELECT, INSERT, UPDATE ON rail_in_use, account_state, bank_arrival TO paydesk_app;
    END IF;
END $$;
