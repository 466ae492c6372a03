-- The law of the desk. Read it from top to bottom; if a row would be wrong, it cannot be said here.
--
-- Lock order, one for all (each step ascending by id; never go back a step):
--   1. the job's advisory lock
--   2. program FOR SHARE (people's edits of a policy: FOR UPDATE)
--   3. partner_balance FOR UPDATE, by partner_id: whoever writes, releases, queues, corrects or settles a partner's money
--   4. payout, by id; its status is read again after the lock
--   5. attempt, payout_item, open_item, hold: guarded by 3, they need no lock of their own
--   6. audit_head, last: nothing comes after it but COMMIT
-- Lock in one statement, read in the next. READ COMMITTED. Counters and daily totals are added to, never updated
-- in place, so they take no lock at all.
--
-- Amounts are minor units of the currency beside them, or of the program's. Instants are UTC.


-- ---------------------------------------------------------------------------------------------------------------
-- Refusals that many tables share
--
-- A trigger's queries are planned once per session, at whatever size the tables had then. Those that look from new rows
-- into large tables are therefore written so that one plan is left: by key, row by row (LATERAL with LIMIT, no
-- sequential scans). Its cost never grows with the table.
-- ---------------------------------------------------------------------------------------------------------------

CREATE FUNCTION refuse(rule text, sentence text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%', sentence USING ERRCODE = '23514', CONSTRAINT = rule;
END $$;

CREATE FUNCTION refuse_edit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM refuse('history_is_added_to_never_edited', format('%s refuses %s', TG_TABLE_NAME, TG_OP));
    RETURN NULL;
END $$;


-- ---------------------------------------------------------------------------------------------------------------
-- People who use the desk
-- ---------------------------------------------------------------------------------------------------------------

-- The one table with names, emails and addresses. It can be blanked; everything else carries ids.
CREATE TABLE identity (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name       text,
    email      text,
    address    text,
    blanked_at timestamptz,
    CONSTRAINT blanked_is_blank CHECK (blanked_at IS NULL OR num_nonnulls(name, email, address) = 0)
);
CREATE INDEX identity_by_name  ON identity (lower(name) text_pattern_ops);
CREATE INDEX identity_by_email ON identity (lower(email) text_pattern_ops);

CREATE TABLE app_user (
    id                   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name                 text        NOT NULL CONSTRAINT user_name_once UNIQUE,
    identity_id          bigint      REFERENCES identity,
    password_hash        text        NOT NULL,
    roles                text[]      NOT NULL,
    active               boolean     NOT NULL DEFAULT true,
    session_epoch        int         NOT NULL DEFAULT 0,   -- raised by sign-out, new role, new password: ends open sessions
    sessions_valid_after timestamptz NOT NULL,             -- a cookie issued before is void
    failed_attempts      int         NOT NULL DEFAULT 0,
    locked_until         timestamptz,
    last_seen_at         timestamptz,
    created_at           timestamptz NOT NULL,
    created_by           text        NOT NULL,
    CONSTRAINT user_name_is_plain CHECK (name ~ '^[a-z0-9][a-z0-9._-]{0,62}$'),
    CONSTRAINT declared_roles CHECK (roles <@ ARRAY['viewer', 'operator', 'maker', 'approver', 'admin']
                                     AND cardinality(roles) > 0)
);

-- One row per click that decided something, so that a second click finds the first one's outcome.
CREATE TABLE action (
    id      uuid        PRIMARY KEY,
    actor   text        NOT NULL,
    name    text        NOT NULL,
    at      timestamptz NOT NULL,
    outcome jsonb
);


-- ---------------------------------------------------------------------------------------------------------------
-- Programs and policies
-- ---------------------------------------------------------------------------------------------------------------

CREATE TABLE program (
    id          int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    code        text        NOT NULL CONSTRAINT program_code_once UNIQUE,
    name        text        NOT NULL,
    currency    char(3)     NOT NULL,
    zone        text        NOT NULL,                     -- IANA name: its days, months and schedule slots
    released_to timestamptz NOT NULL DEFAULT 'epoch',     -- mark of the last full release run: where a new partner starts
    created_at  timestamptz NOT NULL,
    CONSTRAINT currency_is_upper_case CHECK (currency ~ '^[A-Z]{3}$'),
    CONSTRAINT currency_of_program UNIQUE (id, currency)
);

-- Insert only: what holds at an instant is the highest version in effect then.
CREATE TABLE policy (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    program_id   int         NOT NULL REFERENCES program,
    version      int         NOT NULL CHECK (version > 0),
    terms        jsonb       NOT NULL,
    effective_at timestamptz NOT NULL,
    made_by      text        NOT NULL,
    recorded_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT policy_version_once UNIQUE (program_id, version),
    CONSTRAINT policy_of_program UNIQUE (id, program_id)
);


-- ---------------------------------------------------------------------------------------------------------------
-- Partners, customers, sales
-- ---------------------------------------------------------------------------------------------------------------

CREATE TABLE import_file (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind      text        NOT NULL CONSTRAINT declared_import CHECK (kind IN ('partners', 'customers', 'sales')),
    file_name text        NOT NULL,
    sha256    bytea       NOT NULL,
    counts    jsonb       NOT NULL,
    made_by   text        NOT NULL,
    at        timestamptz NOT NULL
);

CREATE TABLE partner (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    program_id     int         NOT NULL REFERENCES program,
    code           text        NOT NULL CONSTRAINT partner_code_once UNIQUE,
    identity_id    bigint      NOT NULL REFERENCES identity,
    tier           text,
    status         text        NOT NULL DEFAULT 'active',
    country        char(2),
    method         text        NOT NULL,
    destination_id bigint,                                -- NULL: nothing to send to yet
    joined_on      date        NOT NULL,
    overrides      jsonb       NOT NULL DEFAULT '{}',     -- this partner's own terms, above tier and program
    last_slot      timestamptz,                           -- schedule slot last served
    created_at     timestamptz NOT NULL,
    CONSTRAINT declared_partner_status CHECK (status IN ('active', 'suspended', 'archived')),
    CONSTRAINT declared_method CHECK (method IN ('stripe', 'stripe_instant', 'bank_transfer', 'paypal', 'check', 'manual')),
    CONSTRAINT partner_of_program UNIQUE (id, program_id)
);
CREATE INDEX partner_by_program ON partner (program_id, id);
CREATE INDEX partner_by_identity ON partner (identity_id);

-- Insert only. Where a partner's money goes; a change is a new row. `account` is the provider's account id, or the
-- partner's code; for paypal it is empty, since the email stands in identity and only its fingerprint here.
CREATE TABLE destination (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    partner_id  bigint      NOT NULL REFERENCES partner,
    method      text        NOT NULL,
    account     text,
    fingerprint bytea       NOT NULL,
    replaces_id bigint      REFERENCES destination,
    made_by     text        NOT NULL,
    opened_at   timestamptz NOT NULL,
    CONSTRAINT destination_of_partner UNIQUE (id, partner_id, method)
);
CREATE INDEX destination_by_fingerprint ON destination (fingerprint);
CREATE INDEX destination_by_partner ON destination (partner_id, id);
ALTER TABLE partner ADD CONSTRAINT destination_is_its_own
    FOREIGN KEY (destination_id, id, method) REFERENCES destination (id, partner_id, method);

CREATE TABLE customer (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    program_id   int         NOT NULL REFERENCES program,
    partner_id   bigint      NOT NULL,                     -- who referred them
    ref          text        NOT NULL,
    identity_id  bigint      NOT NULL REFERENCES identity,
    signed_up_at timestamptz NOT NULL,
    cancelled_at timestamptz,                              -- NULL: active
    created_at   timestamptz NOT NULL,
    CONSTRAINT customer_in_its_partners_program FOREIGN KEY (partner_id, program_id) REFERENCES partner (id, program_id),
    CONSTRAINT customer_ref_once UNIQUE (program_id, ref),
    CONSTRAINT cancelled_after_sign_up CHECK (cancelled_at >= signed_up_at)
);
CREATE INDEX customer_by_partner ON customer (partner_id, signed_up_at);
CREATE INDEX customer_by_sign_up ON customer (program_id, signed_up_at);

-- Insert only. What a later file or a person changed on a partner or customer. Personal values stay out of it.
CREATE TABLE change (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subject   text        NOT NULL CONSTRAINT declared_subject CHECK (subject IN ('partner', 'customer')),
    subject_id bigint     NOT NULL,
    field     text        NOT NULL,
    old_value text,
    new_value text,
    import_id bigint      REFERENCES import_file,
    made_by   text        NOT NULL,
    at        timestamptz NOT NULL,
    CONSTRAINT personal_values_stay_out CHECK (field NOT IN ('name', 'email', 'address')
                                               OR num_nonnulls(old_value, new_value) = 0)
);
CREATE INDEX change_by_subject ON change (subject, subject_id, id);

-- Insert only. What happened at the source.
CREATE TABLE sale (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    program_id   int         NOT NULL REFERENCES program,
    partner_id   bigint      NOT NULL,
    kind         text        NOT NULL,
    source_ref   text        NOT NULL,
    occurred_at  timestamptz NOT NULL,
    gross_minor  bigint      NOT NULL,
    description  text        NOT NULL DEFAULT '',
    content_hash bytea       NOT NULL,                     -- tells the same row again from other content under the same reference
    import_id    bigint      REFERENCES import_file,
    recorded_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT sale_in_its_partners_program FOREIGN KEY (partner_id, program_id) REFERENCES partner (id, program_id),
    CONSTRAINT sale_once UNIQUE (program_id, source_ref),
    CONSTRAINT declared_sale_kind CHECK (kind IN ('booking', 'commission', 'service', 'deduction')),
    CONSTRAINT only_deductions_are_negative CHECK ((kind = 'deduction') = (gross_minor < 0) AND gross_minor <> 0)
);
CREATE INDEX sale_by_partner ON sale (partner_id, occurred_at);


-- ---------------------------------------------------------------------------------------------------------------
-- Earnings and what is open of them
-- ---------------------------------------------------------------------------------------------------------------

-- Insert only: an amount owed for one source event. `period` is never NULL, so an accrual can be repeated without paying twice.
CREATE TABLE earning (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    program_id   int         NOT NULL,
    partner_id   bigint      NOT NULL,
    kind         text        NOT NULL,
    source_ref   text        NOT NULL,
    period       text        NOT NULL DEFAULT '',
    amount_minor bigint      NOT NULL CONSTRAINT earning_is_not_zero CHECK (amount_minor <> 0),
    gross_minor  bigint      NOT NULL DEFAULT 0,           -- of the sales behind it: the base of a fee on gross
    fee_minor    bigint      NOT NULL DEFAULT 0,           -- what the platform kept of the gross
    occurred_at  timestamptz NOT NULL,
    release_at   timestamptz NOT NULL,
    sale_id      bigint      REFERENCES sale,
    customer_id  bigint      REFERENCES customer,
    corrects_id  bigint      REFERENCES earning,
    policy_id    bigint,                                   -- the version that priced it
    breakdown    jsonb,                                    -- lines that add up to the amount, where one line does not tell it
    made_by      text        NOT NULL,
    import_id    bigint      REFERENCES import_file,
    recorded_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT earning_in_its_partners_program FOREIGN KEY (partner_id, program_id) REFERENCES partner (id, program_id),
    CONSTRAINT priced_by_its_program FOREIGN KEY (policy_id, program_id) REFERENCES policy (id, program_id),
    CONSTRAINT earned_once UNIQUE (program_id, kind, source_ref, period),
    CONSTRAINT declared_earning_kind CHECK (kind IN (
        'booking', 'commission', 'bounty', 'recurring', 'period',
        'void', 'clawback', 'reinstate', 'deduction', 'bonus', 'carry_out', 'carry_in', 'true_up', 'return', 'manual')),
    CONSTRAINT only_corrections_are_negative CHECK (
        amount_minor > 0 OR kind IN ('void', 'clawback', 'deduction', 'carry_out', 'true_up', 'manual')),
    CONSTRAINT correction_names_its_earning CHECK (
        (kind IN ('void', 'clawback', 'reinstate', 'carry_out', 'carry_in')) = (corrects_id IS NOT NULL))
);
-- One refund or dispute takes back once, whether it arrived as a void or as a clawback.
CREATE UNIQUE INDEX corrected_once_per_event ON earning (program_id, source_ref) WHERE kind IN ('void', 'clawback');
CREATE INDEX earning_by_partner  ON earning (partner_id, id);
CREATE INDEX earning_by_day      ON earning (program_id, occurred_at) INCLUDE (partner_id, amount_minor);
CREATE INDEX earning_by_customer ON earning (customer_id) WHERE customer_id IS NOT NULL;
CREATE INDEX earning_corrects    ON earning (corrects_id) INCLUDE (kind, amount_minor) WHERE corrects_id IS NOT NULL;

-- The earnings in no live payout and not voided: the one small mutable projection, for release and queueing.
CREATE TABLE open_item (
    earning_id   bigint      PRIMARY KEY,
    partner_id   bigint      NOT NULL,
    amount_minor bigint      NOT NULL,
    release_at   timestamptz NOT NULL,                     -- an early release moves this one, never the earning's
    on_hold      boolean     NOT NULL DEFAULT false
) WITH (autovacuum_vacuum_scale_factor = 0.02);
CREATE INDEX open_by_partner ON open_item (partner_id, release_at, earning_id) INCLUDE (amount_minor, on_hold);
CREATE INDEX open_by_release ON open_item (release_at, earning_id) INCLUDE (partner_id, amount_minor);

CREATE FUNCTION open_items_are_whole() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp
    SET enable_seqscan = off AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM new_rows n
                 LEFT JOIN LATERAL (SELECT * FROM earning WHERE id = n.earning_id LIMIT 1) e ON true
                WHERE e.id IS NULL OR e.partner_id <> n.partner_id OR e.amount_minor <> n.amount_minor)
    THEN PERFORM refuse('open_item_is_a_whole_earning', 'an open item is a whole earning of its partner'); END IF;
    IF EXISTS (SELECT 1 FROM new_rows n
                CROSS JOIN LATERAL (SELECT 1 FROM payout_item WHERE earning_id = n.earning_id AND live LIMIT 1) i)
    THEN PERFORM refuse('open_item_is_in_no_live_payout', 'what is in a live payout is not open'); END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER open_items_are_whole AFTER INSERT ON open_item REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION open_items_are_whole();

-- One row per partner: the balance, the release mark, and the lock on the partner's money.
CREATE TABLE partner_balance (
    partner_id  bigint      PRIMARY KEY REFERENCES partner,
    held        bigint      NOT NULL DEFAULT 0,
    available   bigint      NOT NULL DEFAULT 0,            -- below zero only through a negative earning; the next payout nets it
    reserved    bigint      NOT NULL DEFAULT 0,
    paid        bigint      NOT NULL DEFAULT 0,            -- net, less what came back
    fees        bigint      NOT NULL DEFAULT 0,            -- the partner's part of payout fees
    released_to timestamptz NOT NULL,
    CONSTRAINT held_never_negative     CHECK (held >= 0),
    CONSTRAINT reserved_never_negative CHECK (reserved >= 0),
    CONSTRAINT paid_never_negative     CHECK (paid >= 0)
) WITH (fillfactor = 70);

CREATE FUNCTION balance_begins_at_zero() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM refuse('balance_begins_at_zero', 'a balance begins at zero and moves by the ledger alone');
    RETURN NULL;
END $$;
CREATE TRIGGER balance_begins_at_zero BEFORE INSERT ON partner_balance FOR EACH ROW
    WHEN ((NEW.held, NEW.available, NEW.reserved, NEW.paid, NEW.fees) IS DISTINCT FROM (0::bigint, 0::bigint, 0::bigint, 0::bigint, 0::bigint))
    EXECUTE FUNCTION balance_begins_at_zero();
CREATE TRIGGER balance_is_kept BEFORE DELETE OR TRUNCATE ON partner_balance FOR EACH STATEMENT EXECUTE FUNCTION refuse_edit();

CREATE FUNCTION corrections_stay_within() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp
    SET enable_seqscan = off AS $$
BEGIN
    IF EXISTS (
        SELECT 1
          FROM (SELECT DISTINCT corrects_id FROM new_rows WHERE kind IN ('void', 'clawback', 'reinstate')) n
         CROSS JOIN LATERAL (SELECT * FROM earning WHERE id = n.corrects_id LIMIT 1) e
         CROSS JOIN LATERAL (SELECT sum(c.amount_minor) AS sum, bool_or(c.partner_id <> e.partner_id) AS foreign_partner
                               FROM earning c
                              WHERE c.corrects_id = e.id AND c.kind IN ('void', 'clawback', 'reinstate')) c
         WHERE e.amount_minor + c.sum < 0 OR c.sum > 0 OR c.foreign_partner)
    THEN PERFORM refuse('corrections_never_exceed_the_earning', 'corrections sum to more than the earning they correct'); END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER corrections_stay_within AFTER INSERT ON earning REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION corrections_stay_within();

-- Splitting an earning makes no money: at commit, what is carried out of it is carried in again.
CREATE FUNCTION carry_moves_nothing() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp
    SET enable_seqscan = off AS $$
BEGIN
    IF (SELECT sum(c.amount_minor) <> 0 OR bool_or(c.partner_id <> e.partner_id)
          FROM earning c JOIN earning e ON e.id = c.corrects_id
         WHERE c.corrects_id = NEW.corrects_id AND c.kind IN ('carry_out', 'carry_in'))
    THEN PERFORM refuse('carry_moves_nothing', 'a carry pair sums to zero, within one partner'); END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER carry_moves_nothing AFTER INSERT ON earning DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.kind IN ('carry_out', 'carry_in')) EXECUTE FUNCTION carry_moves_nothing();


-- ---------------------------------------------------------------------------------------------------------------
-- Holds
-- ---------------------------------------------------------------------------------------------------------------

-- A reason-coded block on an earning, a payout, or (neither named) the partner. In force while not closed and `until` has
-- not come. Only holds on earnings move money; the others block queueing and sending.
CREATE TABLE hold (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    partner_id bigint      NOT NULL REFERENCES partner,
    earning_id bigint,
    payout_id  bigint,
    reason     text        NOT NULL,
    note       text        NOT NULL DEFAULT '',
    until      timestamptz,
    made_by    text        NOT NULL,
    opened_at  timestamptz NOT NULL,
    closed_at  timestamptz,
    closed_by  text,
    close_note text,
    CONSTRAINT hold_is_on_one_thing CHECK (num_nonnulls(earning_id, payout_id) <= 1),
    CONSTRAINT declared_hold_reason CHECK (reason IN ('new_partner', 'destination_changed', 'destination_failed', 'dispute',
                                                      'review', 'ineligible', 'manual', 'kyc')),
    CONSTRAINT closed_by_someone CHECK ((closed_at IS NULL) = (closed_by IS NULL))
);
CREATE INDEX hold_open ON hold (partner_id, earning_id, payout_id) WHERE closed_at IS NULL;

CREATE FUNCTION holds_keep_to_their_partner() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp
    SET enable_seqscan = off AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM new_rows n
                 LEFT JOIN LATERAL (SELECT partner_id FROM earning WHERE id = n.earning_id LIMIT 1) e ON true
                 LEFT JOIN LATERAL (SELECT partner_id FROM payout WHERE id = n.payout_id LIMIT 1) p ON true
                WHERE num_nonnulls(n.earning_id, n.payout_id) = 1 AND n.partner_id IS DISTINCT FROM coalesce(e.partner_id, p.partner_id))
    THEN PERFORM refuse('hold_is_of_its_partner', 'a hold is on an earning or payout of its own partner'); END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER holds_keep_to_their_partner AFTER INSERT ON hold REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION holds_keep_to_their_partner();

CREATE FUNCTION hold_is_closed_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.closed_at IS NOT NULL
       OR (NEW.partner_id, NEW.earning_id, NEW.payout_id, NEW.reason, NEW.made_by, NEW.opened_at)
          IS DISTINCT FROM (OLD.partner_id, OLD.earning_id, OLD.payout_id, OLD.reason, OLD.made_by, OLD.opened_at)
    THEN PERFORM refuse('hold_is_closed_once', 'a hold is lifted once, and stays what it was'); END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER hold_is_closed_once BEFORE UPDATE ON hold FOR EACH ROW EXECUTE FUNCTION hold_is_closed_once();
CREATE TRIGGER hold_is_kept BEFORE DELETE OR TRUNCATE ON hold FOR EACH STATEMENT EXECUTE FUNCTION refuse_edit();


-- ---------------------------------------------------------------------------------------------------------------
-- Payouts
-- ---------------------------------------------------------------------------------------------------------------

-- A set of payouts fixed at one moment, to be decided together: the ids, versions and total that a person saw.
CREATE TABLE batch (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    made_by    text        NOT NULL,
    made_at    timestamptz NOT NULL,
    filter     jsonb       NOT NULL DEFAULT '{}',          -- what was asked for, in the words of the queue's address
    decision   text,
    decided_by text,
    decided_at timestamptz,
    outcome    jsonb,
    CONSTRAINT declared_batch_decision CHECK (decision IN ('approve', 'reject', 'process', 'drop')),
    CONSTRAINT batch_decided_by_someone CHECK (num_nonnulls(decision, decided_by, decided_at) IN (0, 3))
);

CREATE TABLE payout (
    id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    ref              uuid        NOT NULL DEFAULT gen_random_uuid() CONSTRAINT payout_ref_once UNIQUE,  -- what the provider gets to see
    program_id       int         NOT NULL,
    partner_id       bigint      NOT NULL,
    origin           text        NOT NULL,
    status           text        NOT NULL DEFAULT 'pending',
    reason_code      text,                                 -- of the last rejection, cancellation or refusal
    reason           text,
    amount_minor     bigint      NOT NULL,                 -- gross: the sum of its items, and the reservation
    fee_minor        bigint      NOT NULL DEFAULT 0,       -- the partner's part
    net_minor        bigint      NOT NULL GENERATED ALWAYS AS (amount_minor - fee_minor) STORED,
    currency         char(3)     NOT NULL,
    method           text        NOT NULL,
    destination_id   bigint      NOT NULL,
    policy_id        bigint      NOT NULL,
    cap_month        date        NOT NULL,                 -- first day of the month it counts in, program's zone, fixed at queueing
    slot             timestamptz,                          -- schedule slot it serves; NULL: asked for by a person
    one_open_request boolean     NOT NULL DEFAULT false,   -- copied from the policy
    approvals_needed smallint    NOT NULL,
    review           int         NOT NULL DEFAULT 1,       -- raised when an approval is taken back: earlier ones do not count
    priority         text        NOT NULL DEFAULT 'normal',
    priority_rank    smallint    NOT NULL GENERATED ALWAYS AS (
        CASE priority WHEN 'urgent' THEN 3 WHEN 'high' THEN 2 WHEN 'normal' THEN 1 ELSE 0 END) STORED,
    note             text        NOT NULL DEFAULT '',
    made_by          text        NOT NULL,
    queued_at        timestamptz NOT NULL,
    batch_id         bigint      REFERENCES batch,
    aside_until      date,                                 -- taken out of the review until this day
    aside_reason     text,
    aside_by         text,
    decided_at       timestamptz,                          -- approved, rejected or cancelled
    retry_at         timestamptz,
    retry_class      text,
    processed_at     timestamptz,                          -- paid or finally failed
    version          int         NOT NULL DEFAULT 1,       -- raised by every update: what a person saw
    live             boolean     NOT NULL GENERATED ALWAYS AS (status NOT IN ('rejected', 'cancelled', 'failed')) STORED,
    CONSTRAINT payout_in_its_partners_program FOREIGN KEY (partner_id, program_id) REFERENCES partner (id, program_id),
    CONSTRAINT payout_in_its_programs_currency FOREIGN KEY (program_id, currency) REFERENCES program (id, currency),
    CONSTRAINT payout_under_its_programs_policy FOREIGN KEY (policy_id, program_id) REFERENCES policy (id, program_id),
    CONSTRAINT payout_to_its_partners_destination
        FOREIGN KEY (destination_id, partner_id, method) REFERENCES destination (id, partner_id, method),
    CONSTRAINT declared_status CHECK (status IN ('pending', 'approved', 'processing', 'retrying', 'paid', 'reversed',
                                                 'rejected', 'cancelled', 'failed')),
    CONSTRAINT declared_origin CHECK (origin IN ('schedule', 'request')),
    CONSTRAINT declared_priority CHECK (priority IN ('low', 'normal', 'high', 'urgent')),
    CONSTRAINT declared_payout_method CHECK (method IN ('stripe', 'stripe_instant', 'bank_transfer', 'paypal', 'check', 'manual')),
    CONSTRAINT retry_has_a_time CHECK ((status = 'retrying') = (retry_at IS NOT NULL)),
    CONSTRAINT pays_more_than_its_fee CHECK (amount_minor > fee_minor AND fee_minor >= 0),
    CONSTRAINT one_or_two_approvals CHECK (approvals_needed BETWEEN 1 AND 2),
    CONSTRAINT rejection_has_a_reason CHECK (status NOT IN ('rejected', 'cancelled', 'failed') OR coalesce(reason, '') <> ''),
    CONSTRAINT processed_at_some_time CHECK (status NOT IN ('paid', 'reversed', 'failed') OR processed_at IS NOT NULL),
    CONSTRAINT taken_out_with_a_reason CHECK (num_nonnulls(aside_until, aside_reason, aside_by) IN (0, 3))
);
CREATE UNIQUE INDEX one_open_request_per_partner ON payout (partner_id)
    WHERE origin = 'request' AND one_open_request AND status IN ('pending', 'approved', 'processing', 'retrying');
CREATE UNIQUE INDEX slot_served_once ON payout (partner_id, slot) WHERE slot IS NOT NULL AND live;
CREATE INDEX payout_cap        ON payout (partner_id, cap_month) INCLUDE (amount_minor) WHERE live;
CREATE INDEX payout_by_partner ON payout (partner_id, id DESC);
CREATE INDEX payout_by_status  ON payout (status, queued_at DESC, id DESC);
CREATE INDEX payout_by_program ON payout (program_id, status, queued_at DESC, id DESC);
CREATE INDEX payout_by_queued  ON payout (queued_at DESC, id DESC);
CREATE INDEX payout_by_priority ON payout (priority_rank DESC, queued_at DESC, id DESC);
CREATE INDEX payout_to_send    ON payout (priority_rank DESC, queued_at, id) WHERE status IN ('approved', 'retrying');
CREATE INDEX payout_processed  ON payout (processed_at) WHERE processed_at IS NOT NULL;
CREATE INDEX payout_of_batch   ON payout (batch_id) WHERE batch_id IS NOT NULL;

CREATE TABLE batch_item (
    batch_id   bigint NOT NULL REFERENCES batch,
    payout_id  bigint NOT NULL REFERENCES payout,
    version    int    NOT NULL,
    net_minor  bigint NOT NULL,
    left_out   text,                                       -- why it was taken out before the decision
    PRIMARY KEY (batch_id, payout_id)
);

CREATE TABLE payout_item (
    payout_id    bigint  NOT NULL,
    earning_id   bigint  NOT NULL,
    amount_minor bigint  NOT NULL,
    live         boolean NOT NULL DEFAULT true,            -- follows payout.live, by trigger only
    PRIMARY KEY (payout_id, earning_id)
);
-- The guard against paying twice.
CREATE UNIQUE INDEX earning_in_one_live_payout ON payout_item (earning_id) WHERE live;

-- The digest of what an approval approves. Priority and retry time are no part of it.
CREATE FUNCTION payout_content_hash(wanted bigint) RETURNS bytea LANGUAGE sql STABLE SET search_path = public, pg_temp
    SET enable_seqscan = off AS $$
    SELECT sha256(convert_to(concat_ws('|', p.ref, p.partner_id, p.amount_minor, p.fee_minor, p.currency, p.method,
                                       p.destination_id, encode(d.fingerprint, 'hex'), p.policy_id, p.review,
               (SELECT string_agg(i.earning_id || ':' || i.amount_minor, ',' ORDER BY i.earning_id)
                  FROM payout_item i WHERE i.payout_id = p.id)), 'UTF8'))
      FROM payout p JOIN destination d ON d.id = p.destination_id
     WHERE p.id = wanted
$$;

-- pending -> approved -> processing -> paid -> reversed, and the ways out.
CREATE FUNCTION payout_edge() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.status <> OLD.status AND (OLD.status, NEW.status) NOT IN (
        ('pending', 'approved'),      -- enough people approved this content
        ('pending', 'rejected'),
        ('pending', 'cancelled'),
        ('approved', 'pending'),      -- taken back, or its content drifted
        ('approved', 'processing'),   -- claimed: an attempt exists, the provider may know
        ('approved', 'cancelled'),
        ('processing', 'paid'),
        ('processing', 'retrying'),   -- refused for now
        ('processing', 'approved'),   -- the platform's balance was empty: no fault of the payout
        ('processing', 'failed'),
        ('retrying', 'processing'),
        ('retrying', 'cancelled'),
        ('paid', 'reversed'))
    THEN PERFORM refuse('declared_edge', format('a payout never goes from %s to %s', OLD.status, NEW.status)); END IF;
    IF (NEW.ref, NEW.program_id, NEW.partner_id, NEW.origin, NEW.amount_minor, NEW.fee_minor, NEW.currency, NEW.method,
        NEW.destination_id, NEW.policy_id, NEW.cap_month, NEW.slot, NEW.approvals_needed, NEW.made_by, NEW.queued_at,
        NEW.one_open_request)
       IS DISTINCT FROM
       (OLD.ref, OLD.program_id, OLD.partner_id, OLD.origin, OLD.amount_minor, OLD.fee_minor, OLD.currency, OLD.method,
        OLD.destination_id, OLD.policy_id, OLD.cap_month, OLD.slot, OLD.approvals_needed, OLD.made_by, OLD.queued_at,
        OLD.one_open_request)
    THEN PERFORM refuse('payout_content_is_frozen', 'what a payout pays is fixed when it is queued'); END IF;
    NEW.version := OLD.version + 1;
    RETURN NEW;
END $$;
CREATE TRIGGER payout_edge BEFORE UPDATE ON payout FOR EACH ROW EXECUTE FUNCTION payout_edge();

CREATE FUNCTION payout_begins_pending() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM refuse('payout_begins_pending', 'a payout begins as pending');
    RETURN NULL;
END $$;
CREATE TRIGGER payout_begins_pending BEFORE INSERT ON payout
    FOR EACH ROW WHEN (NEW.status <> 'pending') EXECUTE FUNCTION payout_begins_pending();
CREATE TRIGGER payout_is_kept BEFORE DELETE OR TRUNCATE ON payout FOR EACH STATEMENT EXECUTE FUNCTION refuse_edit();

CREATE FUNCTION items_are_whole() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp
    SET enable_seqscan = off AS $$  -- set-wise: a row key costs three times as much
BEGIN
    IF EXISTS (SELECT 1 FROM new_rows n
                 LEFT JOIN LATERAL (SELECT * FROM payout WHERE id = n.payout_id LIMIT 1) p ON true
                 LEFT JOIN LATERAL (SELECT * FROM earning WHERE id = n.earning_id LIMIT 1) e ON true
                WHERE p.id IS NULL OR e.id IS NULL OR p.partner_id <> e.partner_id
                   OR e.amount_minor <> n.amount_minor OR n.live <> p.live)
    THEN PERFORM refuse('item_is_a_whole_earning', 'an item is a whole earning of the payout''s partner'); END IF;
    IF EXISTS (SELECT 1 FROM new_rows n
                CROSS JOIN LATERAL (SELECT 1 FROM open_item WHERE earning_id = n.earning_id LIMIT 1) o)
    THEN PERFORM refuse('item_is_not_open', 'an item of a payout is not open any more'); END IF;
    IF EXISTS (SELECT 1 FROM (SELECT DISTINCT payout_id FROM new_rows) n
                CROSS JOIN LATERAL (SELECT 1 FROM ledger_transfer
                                     WHERE payout_id = n.payout_id AND kind = 'reserve' LIMIT 1) t)
    THEN PERFORM refuse('items_are_fixed_once_reserved', 'a payout gets no more items once it is reserved'); END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER items_are_whole AFTER INSERT ON payout_item REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION items_are_whole();

CREATE FUNCTION items_follow_payout() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
    SET enable_seqscan = off AS $$
BEGIN
    UPDATE payout_item i SET live = p.live FROM payout p
     WHERE p.id = i.payout_id
       AND i.payout_id = ANY (ARRAY(SELECT n.id FROM new_rows n JOIN old_rows o USING (id) WHERE n.live <> o.live));
    IF EXISTS (SELECT 1 FROM new_rows n JOIN old_rows o USING (id) WHERE n.status = 'approved' AND o.status <> 'approved')
    THEN PERFORM pg_notify('paydesk_send', ''); END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER items_follow_payout AFTER UPDATE ON payout REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION items_follow_payout();
-- Nobody but that trigger edits an item.
CREATE TRIGGER item_follows_its_payout BEFORE UPDATE OR DELETE OR TRUNCATE ON payout_item
    FOR EACH STATEMENT WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION refuse_edit();


-- ---------------------------------------------------------------------------------------------------------------
-- The ledger
-- ---------------------------------------------------------------------------------------------------------------

-- Insert only. One movement of one partner's money; the amount is positive, the direction is the pair of accounts.
CREATE TABLE ledger_transfer (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    partner_id   bigint      NOT NULL,                     -- post_balances() refuses one without a balance row
    kind         text        NOT NULL,
    from_account text        NOT NULL,
    to_account   text        NOT NULL,
    amount_minor bigint      NOT NULL CONSTRAINT movement_is_positive CHECK (amount_minor > 0),
    currency     char(3)     NOT NULL,
    payout_id    bigint,
    earning_id   bigint,
    run_id       bigint,
    effective_at timestamptz NOT NULL,
    recorded_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT declared_movement CHECK ((kind, from_account, to_account) IN (
        ('earn', 'earnings', 'held'), ('earn', 'earnings', 'available'), ('release', 'held', 'available'),
        ('hold', 'available', 'held'), ('lift', 'held', 'available'),
        ('void', 'held', 'earnings'), ('void', 'available', 'earnings'), ('debt', 'available', 'earnings'),
        ('reserve', 'available', 'reserved'), ('unreserve', 'reserved', 'available'),
        ('settle', 'reserved', 'paid'), ('fee', 'reserved', 'fees'), ('return', 'paid', 'available'))),
    CONSTRAINT payout_moves_name_it CHECK ((kind IN ('reserve', 'unreserve', 'settle', 'fee', 'return')) = (payout_id IS NOT NULL)),
    CONSTRAINT earning_moves_name_it CHECK (kind NOT IN ('earn', 'void', 'debt', 'return') OR earning_id IS NOT NULL)
);
CREATE UNIQUE INDEX reserved_once       ON ledger_transfer (payout_id) WHERE kind = 'reserve';
CREATE UNIQUE INDEX settled_or_undone   ON ledger_transfer (payout_id) WHERE kind IN ('settle', 'unreserve');
CREATE UNIQUE INDEX fee_once            ON ledger_transfer (payout_id) WHERE kind = 'fee';
CREATE UNIQUE INDEX earning_posted_once ON ledger_transfer (earning_id, kind) WHERE kind IN ('earn', 'void', 'debt', 'return');
CREATE INDEX ledger_by_partner ON ledger_transfer (partner_id, id);
CREATE INDEX ledger_by_payout  ON ledger_transfer (payout_id) WHERE payout_id IS NOT NULL;

CREATE FUNCTION post_balances() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
    SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE posted int;
BEGIN
    PERFORM 1 FROM partner_balance WHERE partner_id = ANY (ARRAY(SELECT DISTINCT partner_id FROM new_rows))
      ORDER BY partner_id FOR UPDATE;
    WITH leg AS (SELECT partner_id, from_account AS account, -amount_minor AS amount FROM new_rows
                  UNION ALL SELECT partner_id, to_account, amount_minor FROM new_rows),
         sums AS (SELECT partner_id,
                         coalesce(sum(amount) FILTER (WHERE account = 'held'), 0)      AS held,
                         coalesce(sum(amount) FILTER (WHERE account = 'available'), 0) AS available,
                         coalesce(sum(amount) FILTER (WHERE account = 'reserved'), 0)  AS reserved,
                         coalesce(sum(amount) FILTER (WHERE account = 'paid'), 0)      AS paid,
                         coalesce(sum(amount) FILTER (WHERE account = 'fees'), 0)      AS fees
                    FROM leg GROUP BY partner_id)
    UPDATE partner_balance b
       SET held = b.held + s.held, available = b.available + s.available, reserved = b.reserved + s.reserved,
           paid = b.paid + s.paid, fees = b.fees + s.fees
      FROM sums s
     WHERE s.partner_id = b.partner_id;
    GET DIAGNOSTICS posted = ROW_COUNT;
    IF posted <> (SELECT count(DISTINCT partner_id) FROM new_rows)
    THEN PERFORM refuse('movement_has_a_balance', 'a movement needs the partner''s balance row'); END IF;
    IF EXISTS (SELECT 1 FROM new_rows n
                CROSS JOIN LATERAL (SELECT available FROM partner_balance WHERE partner_id = n.partner_id LIMIT 1) b
                WHERE n.kind = 'reserve' AND b.available < 0)
    THEN PERFORM refuse('reservation_is_covered', 'a reservation is covered by the available balance'); END IF;
    IF EXISTS (SELECT 1 FROM (SELECT DISTINCT partner_id, currency FROM new_rows) n
                CROSS JOIN LATERAL (SELECT g.currency FROM partner p JOIN program g ON g.id = p.program_id
                                     WHERE p.id = n.partner_id LIMIT 1) g
                WHERE n.currency <> g.currency)
    THEN PERFORM refuse('movement_in_the_programs_currency', 'money moves in the currency of the partner''s program'); END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER post_balances AFTER INSERT ON ledger_transfer REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION post_balances();
CREATE TRIGGER balance_follows_the_ledger BEFORE UPDATE OF held, available, reserved, paid, fees ON partner_balance
    FOR EACH STATEMENT WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION refuse_edit();

CREATE FUNCTION movement_equals_earning() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp
    SET enable_seqscan = off AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM new_rows n
                 LEFT JOIN LATERAL (SELECT * FROM earning WHERE id = n.earning_id LIMIT 1) e ON true
                WHERE n.earning_id IS NOT NULL
                  AND (e.id IS NULL OR e.partner_id <> n.partner_id
                       OR (n.kind IN ('earn', 'return') AND e.amount_minor <> n.amount_minor)
                       OR (n.kind = 'debt' AND e.amount_minor <> -n.amount_minor)))
    THEN PERFORM refuse('movement_equals_earning', 'an earning moves whole, for its own partner'); END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER movement_equals_earning AFTER INSERT ON ledger_transfer REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION movement_equals_earning();

CREATE FUNCTION reserve_equals_items() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp
    SET enable_seqscan = off AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM new_rows n
          LEFT JOIN LATERAL (SELECT * FROM payout WHERE id = n.payout_id LIMIT 1) p ON true
          LEFT JOIN LATERAL (SELECT id FROM ledger_transfer
                              WHERE payout_id = n.payout_id AND kind = 'reserve' LIMIT 1) r ON true
         WHERE n.payout_id IS NOT NULL AND (p.partner_id IS DISTINCT FROM n.partner_id OR r.id IS NULL))
    THEN PERFORM refuse('only_reserved_money_moves', 'a payout moves what was reserved for it, and nobody else''s'); END IF;
    IF EXISTS (
        SELECT 1 FROM new_rows n
         CROSS JOIN LATERAL (SELECT * FROM payout WHERE id = n.payout_id LIMIT 1) p
         CROSS JOIN LATERAL (SELECT sum(amount_minor) AS amount FROM payout_item WHERE payout_id = n.payout_id) i
         WHERE n.kind = 'reserve'
           AND (p.amount_minor <> n.amount_minor OR i.amount IS DISTINCT FROM n.amount_minor))
    THEN PERFORM refuse('reserve_equals_items', 'payout, items and reservation differ'); END IF;
    IF EXISTS (SELECT 1 FROM new_rows n
                CROSS JOIN LATERAL (SELECT * FROM payout WHERE id = n.payout_id LIMIT 1) p
                WHERE (n.kind = 'settle' AND (p.status <> 'paid' OR n.amount_minor <> p.net_minor))
                   OR (n.kind = 'fee' AND (p.status <> 'paid' OR n.amount_minor <> p.fee_minor))
                   OR (n.kind = 'unreserve' AND (p.live OR n.amount_minor <> p.amount_minor)))
    THEN PERFORM refuse('reservation_ends_with_its_payout', 'a reservation ends whole, settled by paid or undone by an end'); END IF;
    IF EXISTS (SELECT 1 FROM (SELECT DISTINCT payout_id FROM new_rows WHERE kind = 'return') n
                CROSS JOIN LATERAL (SELECT * FROM payout WHERE id = n.payout_id LIMIT 1) p
                WHERE p.status NOT IN ('paid', 'reversed')
                   OR p.net_minor < (SELECT sum(t.amount_minor) FROM ledger_transfer t
                                      WHERE t.payout_id = p.id AND t.kind = 'return'))
    THEN PERFORM refuse('returns_stay_within_the_payout', 'no more comes back than was paid'); END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER reserve_equals_items AFTER INSERT ON ledger_transfer REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION reserve_equals_items();

CREATE FUNCTION mark_never_moves_back() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM refuse('mark_never_moves_back', 'a release mark never moves back');
    RETURN NULL;
END $$;
CREATE TRIGGER mark_never_moves_back BEFORE UPDATE OF released_to ON partner_balance
    FOR EACH ROW WHEN (NEW.released_to < OLD.released_to) EXECUTE FUNCTION mark_never_moves_back();


-- ---------------------------------------------------------------------------------------------------------------
-- Approvals and attempts
-- ---------------------------------------------------------------------------------------------------------------

-- Insert only. One person's decision on one content of a payout.
CREATE TABLE approval (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    payout_id    bigint      NOT NULL REFERENCES payout,
    content_hash bytea       NOT NULL,
    actor        text        NOT NULL,
    decision     text        NOT NULL CONSTRAINT declared_decision CHECK (decision IN ('approve', 'reject')),
    reason       text,
    at           timestamptz NOT NULL,
    CONSTRAINT one_decision_per_person UNIQUE (payout_id, content_hash, actor, decision),
    CONSTRAINT reject_has_a_reason CHECK (decision <> 'reject' OR coalesce(reason, '') <> '')
);

-- Who made a payout what it is: its maker, whoever wrote one of its earnings by hand, whoever set its destination. What is
-- left of a split earning stays its writer's; who split it wrote nothing.
CREATE FUNCTION payout_makers(wanted bigint) RETURNS SETOF text LANGUAGE sql STABLE SET search_path = public, pg_temp
    SET enable_seqscan = off AS $$
    WITH RECURSIVE source AS (
        SELECT e.id, e.kind, e.corrects_id, e.import_id, e.made_by
          FROM payout_item i JOIN earning e ON e.id = i.earning_id
         WHERE i.payout_id = wanted
         UNION
        SELECT e.id, e.kind, e.corrects_id, e.import_id, e.made_by
          FROM source s JOIN earning e ON e.id = s.corrects_id
         WHERE s.kind IN ('carry_out', 'carry_in'))
    SELECT made_by FROM payout WHERE id = wanted
     UNION SELECT made_by FROM source WHERE import_id IS NULL AND kind NOT IN ('carry_out', 'carry_in')
     UNION SELECT d.made_by FROM payout p JOIN destination d ON d.id = p.destination_id WHERE p.id = wanted
$$;

CREATE FUNCTION approval_is_fair() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp
    SET enable_seqscan = off AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM new_rows n WHERE n.decision = 'approve' AND n.actor IN (SELECT payout_makers(n.payout_id)))
    THEN PERFORM refuse('makers_never_approve', 'who made a payout never approves it'); END IF;
    IF EXISTS (SELECT 1 FROM new_rows n WHERE n.content_hash IS DISTINCT FROM payout_content_hash(n.payout_id))
    THEN PERFORM refuse('approval_binds_the_content', 'an approval binds the content the payout has now'); END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER approval_is_fair AFTER INSERT ON approval REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION approval_is_fair();

-- One try at the provider with its own key. What was sent is frozen; only the outcome is written, once the provider told it.
CREATE TABLE attempt (
    payout_id     bigint      NOT NULL REFERENCES payout,
    n             int         NOT NULL CHECK (n > 0),
    idem_key      text        NOT NULL CONSTRAINT key_once UNIQUE,
    provider      text        NOT NULL,
    params        jsonb       NOT NULL,
    params_hash   bytea       NOT NULL,
    approved_hash bytea       NOT NULL,
    state         text        NOT NULL DEFAULT 'started',
    code          text,                                    -- the provider's word for a refusal
    error_class   text,
    message       text,
    provider_ref  text,
    request_id    text,
    started_at    timestamptz NOT NULL,                    -- the desk's clock
    ended_at      timestamptz,
    first_sent_at timestamptz,                             -- the database's clock, like the lease: one source for windows
    lease_until   timestamptz NOT NULL,
    lease_epoch   int         NOT NULL DEFAULT 1,
    next_look_at  timestamptz,                             -- unknown: when to ask again
    looks         int         NOT NULL DEFAULT 0,          -- times it was asked again or looked up
    absent_since  timestamptz,                             -- first look that did not find it
    absent_looks  int         NOT NULL DEFAULT 0,
    PRIMARY KEY (payout_id, n),
    CONSTRAINT declared_attempt_state CHECK (state IN ('started', 'succeeded', 'declined', 'unknown', 'absent')),
    CONSTRAINT declared_error_class CHECK (error_class IN ('transient', 'limits', 'account', 'instruction', 'platform_balance')),
    CONSTRAINT declined_has_a_class CHECK (state <> 'declined' OR error_class IS NOT NULL),
    CONSTRAINT succeeded_has_a_reference CHECK ((state = 'succeeded') = (provider_ref IS NOT NULL)),
    CONSTRAINT provider_reference_once UNIQUE (provider, provider_ref)
);
CREATE UNIQUE INDEX one_live_attempt_per_payout ON attempt (payout_id) WHERE state IN ('started', 'unknown', 'succeeded');
CREATE INDEX attempt_open ON attempt (state, lease_until) WHERE state IN ('started', 'unknown');
CREATE INDEX attempt_by_start ON attempt (started_at);

-- Insert only. One row per call of the provider, also of a worker that came too late to write the outcome.
CREATE TABLE attempt_call (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    payout_id  bigint      NOT NULL,
    n          int         NOT NULL,
    at         timestamptz NOT NULL,
    what       text        NOT NULL CONSTRAINT declared_call CHECK (what IN ('send', 'find')),
    outcome    text        NOT NULL CONSTRAINT declared_outcome CHECK (outcome IN ('succeeded', 'declined', 'unknown', 'absent')),
    code       text,
    message    text,
    request_id text,
    duration_ms int        NOT NULL,
    FOREIGN KEY (payout_id, n) REFERENCES attempt
);
CREATE INDEX attempt_call_by_attempt ON attempt_call (payout_id, n, id);

CREATE FUNCTION attempt_is_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.payout_id, NEW.n, NEW.idem_key, NEW.provider, NEW.params, NEW.params_hash, NEW.approved_hash, NEW.started_at)
       IS DISTINCT FROM
       (OLD.payout_id, OLD.n, OLD.idem_key, OLD.provider, OLD.params, OLD.params_hash, OLD.approved_hash, OLD.started_at)
       OR (OLD.first_sent_at IS NOT NULL AND NEW.first_sent_at IS DISTINCT FROM OLD.first_sent_at)
       OR (OLD.provider_ref IS NOT NULL AND NEW.provider_ref IS DISTINCT FROM OLD.provider_ref)
    THEN PERFORM refuse('attempt_is_frozen', 'what was sent under a key never changes'); END IF;
    IF NEW.state <> OLD.state AND (OLD.state, NEW.state) NOT IN (
        ('started', 'succeeded'), ('started', 'declined'), ('started', 'unknown'),
        ('unknown', 'succeeded'), ('unknown', 'declined'), ('unknown', 'absent'))
    THEN PERFORM refuse('declared_outcome_edge', format('an attempt never goes from %s to %s', OLD.state, NEW.state)); END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER attempt_is_frozen BEFORE UPDATE ON attempt FOR EACH ROW EXECUTE FUNCTION attempt_is_frozen();
CREATE TRIGGER attempt_is_kept BEFORE DELETE OR TRUNCATE ON attempt FOR EACH STATEMENT EXECUTE FUNCTION refuse_edit();

-- Nothing leaves unapproved: whoever writes an attempt, the approvals must be there for exactly this content.
CREATE FUNCTION sent_only_as_approved() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp
    SET enable_seqscan = off AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM new_rows WHERE state <> 'started')
    THEN PERFORM refuse('attempt_begins_started', 'an attempt begins as started'); END IF;
    IF EXISTS (
        SELECT 1 FROM new_rows n
         CROSS JOIN LATERAL (SELECT * FROM payout WHERE id = n.payout_id LIMIT 1) p
         WHERE p.status <> 'processing'
            OR n.approved_hash IS DISTINCT FROM payout_content_hash(n.payout_id)
            OR p.approvals_needed > (SELECT count(DISTINCT a.actor) FROM approval a
                                      WHERE a.payout_id = n.payout_id AND a.content_hash = n.approved_hash
                                        AND a.decision = 'approve'))
    THEN PERFORM refuse('sent_only_as_approved', 'an attempt needs the approvals of exactly this content'); END IF;
    IF EXISTS (SELECT 1 FROM new_rows n
                CROSS JOIN LATERAL (SELECT 1 FROM attempt a
                                     WHERE a.payout_id = n.payout_id AND a.n < n.n AND a.state NOT IN ('declined', 'absent')
                                     LIMIT 1) a)
    THEN PERFORM refuse('new_key_only_after_a_definite_no', 'a new attempt needs a definite no for every earlier one'); END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER sent_only_as_approved AFTER INSERT ON attempt REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION sent_only_as_approved();

-- A payout, its money, its approvals and its attempts are written in one transaction: at commit they tell one story.
CREATE FUNCTION payout_tells_one_story() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp
    SET enable_seqscan = off AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM ledger_transfer WHERE payout_id = NEW.id AND kind = 'reserve')
    THEN PERFORM refuse('payout_is_reserved', format('payout %s has no reservation', NEW.id)); END IF;
    IF NEW.status = 'approved'
       AND NEW.approvals_needed > (SELECT count(DISTINCT actor) FROM approval WHERE payout_id = NEW.id AND decision = 'approve')
    THEN PERFORM refuse('approved_by_people', format('payout %s has not been approved by enough people', NEW.id)); END IF;
    IF NEW.status = 'processing' AND NOT EXISTS (SELECT 1 FROM attempt WHERE payout_id = NEW.id)
    THEN PERFORM refuse('processing_has_an_attempt', format('payout %s has no attempt', NEW.id)); END IF;
    IF NEW.status = 'paid' AND NOT EXISTS (SELECT 1 FROM attempt WHERE payout_id = NEW.id AND state = 'succeeded')
    THEN PERFORM refuse('paid_by_an_attempt', format('payout %s has no attempt that succeeded', NEW.id)); END IF;
    IF (NEW.status = 'paid' AND NOT EXISTS (SELECT 1 FROM ledger_transfer WHERE payout_id = NEW.id AND kind = 'settle'))
       OR (NEW.status = 'paid' AND NEW.fee_minor > 0
           AND NOT EXISTS (SELECT 1 FROM ledger_transfer WHERE payout_id = NEW.id AND kind = 'fee'))
       OR (NOT NEW.live AND NOT EXISTS (SELECT 1 FROM ledger_transfer WHERE payout_id = NEW.id AND kind = 'unreserve'))
    THEN PERFORM refuse('payout_ends_its_reservation', format('payout %s ended and its reservation did not', NEW.id)); END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER payout_tells_one_story AFTER INSERT OR UPDATE OF status ON payout DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION payout_tells_one_story();


-- ---------------------------------------------------------------------------------------------------------------
-- Counters and daily totals: rows are added in the same transaction as the change and summed when read, so that
-- no two transactions ever wait for each other here. fold_totals() makes few rows of many.
-- ---------------------------------------------------------------------------------------------------------------

CREATE TABLE payout_counter (
    program_id   int     NOT NULL,
    status       text    NOT NULL,
    method       text    NOT NULL,
    currency     char(3) NOT NULL,
    n            bigint  NOT NULL,
    amount_minor bigint  NOT NULL,                         -- gross
    net_minor    bigint  NOT NULL
);

CREATE TABLE daily_total (
    day          date   NOT NULL,                          -- in the program's zone
    program_id   int    NOT NULL,
    measure      text   NOT NULL CONSTRAINT declared_measure CHECK (measure IN (
        'revenue',       -- gross of sales, by the day of the sale
        'platform_fee',  -- what the platform kept of them, by the day of the earning's event
        'earned',        -- partner earnings, corrections netted, carries left out, by the day of the earning's event
        'paid',          -- gross of payouts, by the day they were paid
        'payout_fee',    -- the partner's part of payout fees, same day
        'failed')),      -- gross of payouts that failed for good, by that day
    n            bigint NOT NULL,
    amount_minor bigint NOT NULL
);
CREATE INDEX daily_total_by_day ON daily_total (measure, day);

CREATE FUNCTION count_payouts() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO payout_counter
        SELECT program_id, status, method, currency, count(*), sum(amount_minor), sum(net_minor)
          FROM new_rows GROUP BY 1, 2, 3, 4;
        RETURN NULL;
    END IF;
    INSERT INTO payout_counter
    SELECT program_id, status, method, currency, sum(sign), sum(sign * amount_minor), sum(sign * net_minor)
      FROM (SELECT o.*, -1 AS sign FROM old_rows o JOIN new_rows n USING (id) WHERE n.status <> o.status
             UNION ALL
            SELECT n.*, 1 FROM new_rows n JOIN old_rows o USING (id) WHERE n.status <> o.status) moved
     GROUP BY 1, 2, 3, 4;
    INSERT INTO daily_total
    SELECT (n.processed_at AT TIME ZONE g.zone)::date, n.program_id, m.measure, count(*), sum(m.amount)
      FROM new_rows n JOIN old_rows o USING (id) JOIN program g ON g.id = n.program_id
     CROSS JOIN LATERAL (VALUES ('paid', n.amount_minor, n.status = 'paid'), ('payout_fee', n.fee_minor, n.status = 'paid'),
                                ('failed', n.amount_minor, n.status = 'failed')) AS m (measure, amount, wanted)
     WHERE n.status <> o.status AND n.status IN ('paid', 'failed') AND m.wanted
     GROUP BY 1, 2, 3;
    RETURN NULL;
END $$;
CREATE TRIGGER count_new_payouts AFTER INSERT ON payout REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION count_payouts();
CREATE TRIGGER count_moved_payouts AFTER UPDATE ON payout REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION count_payouts();

CREATE FUNCTION total_sales() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO daily_total
    SELECT (n.occurred_at AT TIME ZONE g.zone)::date, n.program_id, 'revenue', count(*), sum(n.gross_minor)
      FROM new_rows n JOIN program g ON g.id = n.program_id WHERE n.kind <> 'deduction' GROUP BY 1, 2;
    RETURN NULL;
END $$;
CREATE TRIGGER total_sales AFTER INSERT ON sale REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION total_sales();

CREATE FUNCTION total_earnings() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO daily_total
    SELECT (n.occurred_at AT TIME ZONE g.zone)::date, n.program_id, m.measure, count(*), sum(m.amount)
      FROM new_rows n JOIN program g ON g.id = n.program_id
     CROSS JOIN LATERAL (VALUES ('earned', n.amount_minor), ('platform_fee', n.fee_minor)) AS m (measure, amount)
     WHERE n.kind NOT IN ('carry_out', 'carry_in', 'return')
     GROUP BY 1, 2, 3;
    RETURN NULL;
END $$;
CREATE TRIGGER total_earnings AFTER INSERT ON earning REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION total_earnings();

CREATE FUNCTION fold_totals() RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH gone AS (DELETE FROM payout_counter RETURNING *)
    INSERT INTO payout_counter
    SELECT program_id, status, method, currency, sum(n), sum(amount_minor), sum(net_minor)
      FROM gone GROUP BY 1, 2, 3, 4 HAVING sum(n) <> 0 OR sum(amount_minor) <> 0;
    WITH many AS (SELECT measure, day, program_id FROM daily_total GROUP BY 1, 2, 3 HAVING count(*) > 1),
         gone AS (DELETE FROM daily_total t USING many m
                   WHERE t.measure = m.measure AND t.day = m.day AND t.program_id = m.program_id RETURNING t.*)
    INSERT INTO daily_total (day, program_id, measure, n, amount_minor)
    SELECT day, program_id, measure, sum(n), sum(amount_minor) FROM gone GROUP BY 1, 2, 3;
$$;


-- ---------------------------------------------------------------------------------------------------------------
-- Jobs
-- ---------------------------------------------------------------------------------------------------------------

-- One row per run that did something, failed, or served a slot of the timetable.
CREATE TABLE job_run (
    id         bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    job        text        NOT NULL,
    slot       timestamptz,                                -- of the timetable; NULL: started by hand, or a job that runs all the time
    as_of      timestamptz NOT NULL,                       -- the `now` it worked with
    started_at timestamptz NOT NULL,
    ended_at   timestamptz NOT NULL,
    ok         boolean     NOT NULL,
    count      bigint      NOT NULL DEFAULT 0,
    result     jsonb       NOT NULL DEFAULT '{}',
    error      text,
    made_by    text        NOT NULL
);
CREATE INDEX job_run_by_job ON job_run (job, id DESC);

CREATE TABLE heartbeat (
    job        text        PRIMARY KEY,                    -- 'scheduler', or a job's name
    beat_at    timestamptz NOT NULL,
    started_at timestamptz,                                -- of the run under way; NULL: none
    note       text        NOT NULL DEFAULT ''
) WITH (fillfactor = 50);

-- Insert only. Why a queue run made no payout for a partner that was due.
CREATE TABLE skip (
    run_id     bigint      NOT NULL,
    partner_id bigint      NOT NULL REFERENCES partner,
    slot       timestamptz NOT NULL,
    reason     text        NOT NULL,
    figures    jsonb       NOT NULL DEFAULT '{}',
    at         timestamptz NOT NULL,
    PRIMARY KEY (run_id, partner_id)
);
CREATE INDEX skip_by_partner ON skip (partner_id, run_id DESC);


-- ---------------------------------------------------------------------------------------------------------------
-- Audit: a hash chain, written in the same transaction as the act
-- ---------------------------------------------------------------------------------------------------------------

CREATE TABLE audit (
    seq       bigint      PRIMARY KEY,
    at        timestamptz NOT NULL,
    actor     text        NOT NULL,
    channel   text        NOT NULL,
    action    text        NOT NULL,
    subject   text        NOT NULL,                        -- 'payout', 'partner', 'user', 'import', 'job', 'program'
    ids       bigint[]    NOT NULL,
    details   jsonb       NOT NULL,
    prev_hash bytea       NOT NULL,
    hash      bytea       NOT NULL
);
CREATE INDEX audit_by_subject ON audit USING gin (ids);
CREATE INDEX audit_by_actor ON audit (actor, seq);

CREATE TABLE audit_head (
    head boolean PRIMARY KEY DEFAULT true CONSTRAINT one_head CHECK (head),
    seq  bigint  NOT NULL,
    hash bytea   NOT NULL
);
INSERT INTO audit_head (seq, hash) VALUES (0, sha256('paydesk'::bytea));


-- ---------------------------------------------------------------------------------------------------------------
-- The simulator's own books: a rail that forgets nothing in a crash and moves no money
-- ---------------------------------------------------------------------------------------------------------------

CREATE TABLE simulator_transfer (
    idem_key       text        PRIMARY KEY,
    params_hash    bytea       NOT NULL,
    transfer_group text        NOT NULL,
    amount_minor   bigint      NOT NULL CHECK (amount_minor > 0),
    currency       char(3)     NOT NULL,
    destination    text        NOT NULL,
    provider_ref   text        CONSTRAINT simulator_reference_once UNIQUE,  -- NULL: declined
    code           text,
    at             timestamptz NOT NULL,
    CONSTRAINT moved_or_declined CHECK (num_nonnulls(provider_ref, code) = 1)
);
CREATE INDEX simulator_by_group ON simulator_transfer (transfer_group);
CREATE TABLE simulator_silence (                            -- keys whose first send got no answer
    idem_key text PRIMARY KEY,
    at       timestamptz NOT NULL
);


-- ---------------------------------------------------------------------------------------------------------------
-- History is added to, never edited
-- ---------------------------------------------------------------------------------------------------------------

DO $$
DECLARE history text;
BEGIN
    FOREACH history IN ARRAY ARRAY['policy', 'import_file', 'destination', 'change', 'sale', 'earning', 'ledger_transfer',
                                   'approval', 'attempt_call', 'skip', 'audit', 'simulator_transfer']
    LOOP
        EXECUTE format('CREATE TRIGGER history BEFORE UPDATE OR DELETE OR TRUNCATE ON %I
                        FOR EACH STATEMENT EXECUTE FUNCTION refuse_edit()', history);
    END LOOP;
END $$;

-- The processes of the desk work as paydesk_app: it may add, and edit what is not history; it owns nothing, so it cannot
-- switch a trigger off. A server that does not let us make roles keeps the triggers alone.
DO $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'paydesk_app') THEN
        CREATE ROLE paydesk_app NOLOGIN;
    END IF;
    EXECUTE format('GRANT paydesk_app TO %I', current_user);
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN NULL;   -- another database of this server made it just now
    WHEN insufficient_privilege THEN
        RAISE NOTICE 'role paydesk_app cannot be made here: history is kept by triggers alone';
END $$;

DO $$
BEGIN
    IF EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'paydesk_app') THEN
        GRANT USAGE ON SCHEMA public TO paydesk_app;
        GRANT SELECT ON ALL TABLES IN SCHEMA public TO paydesk_app;
        GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO paydesk_app;
        GRANT INSERT ON identity, app_user, action, program, policy, import_file, partner, destination, customer, change, sale,
                        earning, open_item, hold, batch, payout, batch_item, payout_item, ledger_transfer,
                        approval, attempt, attempt_call, job_run, heartbeat, skip, audit, simulator_transfer, simulator_silence
              TO paydesk_app;
        GRANT UPDATE ON identity, app_user, action, program, partner, customer, hold, batch, payout, batch_item,
                        attempt, heartbeat, audit_head TO paydesk_app;
        GRANT INSERT (partner_id, released_to), UPDATE (released_to) ON partner_balance TO paydesk_app;
        GRANT UPDATE (release_at, on_hold) ON open_item TO paydesk_app;
        GRANT DELETE ON open_item TO paydesk_app;
    END IF;
END $$;

-- What works with the owner's rights is for the triggers above: hung on a table of one's own, it would move balances.
REVOKE EXECUTE ON FUNCTION post_balances(), items_follow_payout(), count_payouts(), total_sales(), total_earnings() FROM PUBLIC;
