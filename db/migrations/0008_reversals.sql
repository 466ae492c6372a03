-- Reversals by us. Money of a paid payout that two people pull back, all of it or a part: the provider is asked under a key
-- of its own, and what came of it is succeeded, declined or unknown, as with sending.
--
-- Lock order: partner_balance, payout, reversal; then what its return writes; audit_head last.


-- ---------------------------------------------------------------------------------------------------------------
-- Reversals
-- ---------------------------------------------------------------------------------------------------------------

-- One pull at the provider with its own key. It is written when the second person confirms it, and sent by the scheduler;
-- what is sent is frozen, only the outcome is written once the provider told it.
CREATE TABLE reversal (
    payout_id     bigint      NOT NULL REFERENCES payout,
    n             int         NOT NULL CHECK (n > 0),
    ref           uuid        NOT NULL CONSTRAINT reversal_ref_once UNIQUE,     -- what the provider gets to see
    idem_key      text        NOT NULL CONSTRAINT reversal_key_once UNIQUE,
    provider      text        NOT NULL,
    params        jsonb       NOT NULL,
    params_hash   bytea       NOT NULL,
    amount_minor  bigint      NOT NULL,
    currency      char(3)     NOT NULL,
    proposal_id   bigint      NOT NULL CONSTRAINT one_reversal_per_proposal UNIQUE REFERENCES proposal,
    state         text        NOT NULL DEFAULT 'started',
    code          text,                                    -- the provider's word for a refusal
    message       text,
    provider_ref  text,
    request_id    text,
    started_at    timestamptz NOT NULL,                    -- the desk's clock: when it was confirmed
    sent_at       timestamptz,                             -- the desk's clock at the first send; NULL: not sent yet
    first_sent_at timestamptz,                             -- the database's clock then, like the lease: one source for windows
    ended_at      timestamptz,
    lease_until   timestamptz,
    lease_epoch   int         NOT NULL DEFAULT 0,
    next_look_at  timestamptz,                             -- unknown: when to ask again
    looks         int         NOT NULL DEFAULT 0,          -- times it was asked again or looked up
    absent_since  timestamptz,                             -- first look that did not find it
    absent_looks  int         NOT NULL DEFAULT 0,
    PRIMARY KEY (payout_id, n),
    CONSTRAINT reversal_of_some_money CHECK (amount_minor > 0),
    CONSTRAINT provider_can_reverse CHECK (provider IN ('stripe', 'simulator')),
    CONSTRAINT declared_reversal_state CHECK (state IN ('started', 'succeeded', 'declined', 'unknown', 'absent')),
    CONSTRAINT reversal_sent_whole CHECK (num_nonnulls(sent_at, first_sent_at, lease_until) IN (0, 3)),
    CONSTRAINT reversal_sent_before_its_outcome CHECK (state = 'started' OR first_sent_at IS NOT NULL),
    CONSTRAINT reversed_with_a_reference CHECK ((state = 'succeeded') = (provider_ref IS NOT NULL)),
    CONSTRAINT reversal_ends_at_some_time CHECK ((state IN ('succeeded', 'declined', 'absent')) = (ended_at IS NOT NULL)),
    CONSTRAINT reversal_reference_once UNIQUE (provider, provider_ref)
);
CREATE UNIQUE INDEX one_open_reversal_per_payout ON reversal (payout_id) WHERE state IN ('started', 'unknown');
CREATE INDEX reversal_open ON reversal (provider, next_look_at) WHERE state IN ('started', 'unknown');

-- Insert only. One row per call of the provider, also of a worker that came too late to write the outcome.
CREATE TABLE reversal_call (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    payout_id   bigint      NOT NULL,
    n           int         NOT NULL,
    at          timestamptz NOT NULL,
    what        text        NOT NULL CONSTRAINT declared_reversal_call CHECK (what IN ('reverse', 'find')),
    outcome     text        NOT NULL CONSTRAINT declared_reversal_outcome
                            CHECK (outcome IN ('succeeded', 'declined', 'unknown', 'absent')),
    code        text,
    message     text,
    request_id  text,
    duration_ms int         NOT NULL,
    FOREIGN KEY (payout_id, n) REFERENCES reversal
);
CREATE INDEX reversal_call_by_reversal ON reversal_call (payout_id, n, id);
CREATE TRIGGER history BEFORE UPDATE OR DELETE OR TRUNCATE ON reversal_call
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_edit();

-- The partner's lock comes first: what is still out is counted while nobody else can change it.
CREATE FUNCTION reversed_only_by_two_people() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp
    SET enable_seqscan = off AS $$
BEGIN
    PERFORM 1 FROM partner_balance
      WHERE partner_id IN (SELECT p.partner_id FROM new_rows n JOIN payout p ON p.id = n.payout_id)
      ORDER BY partner_id FOR UPDATE;
    IF EXISTS (SELECT 1 FROM new_rows WHERE state <> 'started' OR first_sent_at IS NOT NULL)
    THEN PERFORM refuse('reversal_begins_unsent', 'a reversal begins as one that was not sent yet'); END IF;
    IF EXISTS (
        SELECT 1 FROM new_rows n
          LEFT JOIN proposal p ON p.id = n.proposal_id AND p.kind = 'reverse_payout' AND p.subject = 'payout'
                AND p.decision = 'confirm' AND p.ids = ARRAY[n.payout_id]
                AND p.content -> 'amount_minor' = to_jsonb(n.amount_minor)
                AND p.content ->> 'currency' = n.currency::text
         WHERE p.id IS NULL)
    THEN PERFORM refuse('reversed_only_by_two_people', 'money is pulled back when a second person confirms how much'); END IF;
    IF EXISTS (
        SELECT 1 FROM new_rows n
         CROSS JOIN LATERAL (SELECT * FROM payout WHERE id = n.payout_id LIMIT 1) p
          LEFT JOIN attempt a ON a.payout_id = n.payout_id AND a.state = 'succeeded' AND a.provider = n.provider
                AND a.provider_ref = n.params ->> 'transfer'
         WHERE p.status <> 'paid' OR p.currency <> n.currency OR a.payout_id IS NULL
            OR n.params -> 'amount_minor' IS DISTINCT FROM to_jsonb(n.amount_minor)
            OR n.params ->> 'currency' IS DISTINCT FROM n.currency::text
            OR n.params ->> 'reversal_ref' IS DISTINCT FROM n.ref::text)
    THEN PERFORM refuse('reversed_as_it_was_paid', 'money comes back from where it was paid to, in its currency'); END IF;
    IF EXISTS (
        SELECT 1 FROM new_rows n
         CROSS JOIN LATERAL (SELECT * FROM payout WHERE id = n.payout_id LIMIT 1) p
         WHERE n.amount_minor > p.net_minor - (SELECT coalesce(sum(t.amount_minor), 0) FROM ledger_transfer t
                                                WHERE t.payout_id = n.payout_id AND t.kind = 'return'))
    THEN PERFORM refuse('reversals_stay_within_the_payout', 'no more is pulled back than is still out'); END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER reversed_only_by_two_people AFTER INSERT ON reversal REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION reversed_only_by_two_people();

CREATE FUNCTION reversal_is_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.payout_id, NEW.n, NEW.ref, NEW.idem_key, NEW.provider, NEW.params, NEW.params_hash, NEW.amount_minor,
        NEW.currency, NEW.proposal_id, NEW.started_at)
       IS DISTINCT FROM
       (OLD.payout_id, OLD.n, OLD.ref, OLD.idem_key, OLD.provider, OLD.params, OLD.params_hash, OLD.amount_minor,
        OLD.currency, OLD.proposal_id, OLD.started_at)
       OR (OLD.first_sent_at IS NOT NULL
           AND (NEW.first_sent_at, NEW.sent_at) IS DISTINCT FROM (OLD.first_sent_at, OLD.sent_at))
       OR (OLD.provider_ref IS NOT NULL AND NEW.provider_ref IS DISTINCT FROM OLD.provider_ref)
       OR (OLD.ended_at IS NOT NULL AND NEW.ended_at IS DISTINCT FROM OLD.ended_at)
    THEN PERFORM refuse('reversal_is_frozen', 'what was pulled back under a key never changes'); END IF;
    IF NEW.state <> OLD.state AND (OLD.state, NEW.state) NOT IN (
        ('started', 'succeeded'), ('started', 'declined'), ('started', 'unknown'),
        ('unknown', 'succeeded'), ('unknown', 'declined'), ('unknown', 'absent'))
    THEN PERFORM refuse('declared_reversal_edge', format('a reversal never goes from %s to %s', OLD.state, NEW.state)); END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER reversal_is_frozen BEFORE UPDATE ON reversal FOR EACH ROW EXECUTE FUNCTION reversal_is_frozen();
CREATE TRIGGER reversal_is_kept BEFORE DELETE OR TRUNCATE ON reversal
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_edit();

-- While sending is stopped nothing is asked of the provider that moves money, whichever way it moves.
CREATE TRIGGER nothing_leaves_while_stopped AFTER UPDATE OF first_sent_at ON reversal
    FOR EACH ROW WHEN (OLD.first_sent_at IS NULL AND NEW.first_sent_at IS NOT NULL)
    EXECUTE FUNCTION nothing_leaves_while_stopped();

CREATE FUNCTION reversal_absent_by_two_people() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM proposal p
         WHERE p.kind = 'reversal_absent' AND p.subject = 'payout' AND p.decision = 'confirm'
           AND p.ids @> ARRAY[NEW.payout_id] AND cardinality(p.ids) = 1 AND p.content -> 'reversal' = to_jsonb(NEW.n))
    THEN PERFORM refuse('reversal_absent_by_two_people', 'a reversal is proved absent when a second person confirms it'); END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER reversal_absent_by_two_people BEFORE UPDATE OF state ON reversal
    FOR EACH ROW WHEN (NEW.state = 'absent' AND OLD.state = 'unknown') EXECUTE FUNCTION reversal_absent_by_two_people();

-- A reversal that succeeded has brought its money back in the books too, under the provider's own reference.
CREATE FUNCTION reversal_has_its_return() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp
    SET enable_seqscan = off AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM ledger_transfer t JOIN earning e ON e.id = t.earning_id
                    WHERE t.payout_id = NEW.payout_id AND t.kind = 'return' AND e.source_ref = NEW.provider_ref
                      AND t.amount_minor = NEW.amount_minor)
    THEN PERFORM refuse('reversal_has_its_return', format('reversal %s came back and is not in the books', NEW.provider_ref)); END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER reversal_has_its_return AFTER UPDATE OF state ON reversal DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.state = 'succeeded') EXECUTE FUNCTION reversal_has_its_return();


-- ---------------------------------------------------------------------------------------------------------------
-- The simulator's own books of what it took back
-- ---------------------------------------------------------------------------------------------------------------

CREATE TABLE simulator_reversal (
    idem_key     text        PRIMARY KEY,
    params_hash  bytea       NOT NULL,
    transfer     text        NOT NULL,
    reversal_ref text        NOT NULL,
    amount_minor bigint      NOT NULL CHECK (amount_minor > 0),
    currency     char(3)     NOT NULL,
    provider_ref text        CONSTRAINT simulator_reversal_reference_once UNIQUE,  -- NULL: declined
    code         text,
    at           timestamptz NOT NULL,
    CONSTRAINT reversed_or_declined CHECK (num_nonnulls(provider_ref, code) = 1)
);
CREATE INDEX simulator_reversal_by_transfer ON simulator_reversal (transfer) WHERE provider_ref IS NOT NULL;
CREATE TRIGGER history BEFORE UPDATE OR DELETE OR TRUNCATE ON simulator_reversal
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_edit();


DO $$
BEGIN
    IF EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'paydesk_app') THEN
        GRANT SELECT, INSERT ON reversal, reversal_call, simulator_reversal TO paydesk_app;
        GRANT UPDATE ON reversal TO paydesk_app;
    END IF;
END $$;
