-- Two people. Whatever one person alone may not do is a proposal: one makes it, another confirms or refuses it, once,
-- before it expires. And the switch that stops all sending, which one person throws and two people turn back.
--
-- Lock order: what a proposal is about comes first, as declared in 0001; then the proposal; then the stop; audit_head last.


-- ---------------------------------------------------------------------------------------------------------------
-- Proposals
-- ---------------------------------------------------------------------------------------------------------------

-- The digest of what a second person confirms. Immutable, since jsonb and numbers read the same in every session.
CREATE FUNCTION proposal_digest(kind text, subject text, ids bigint[], content jsonb) RETURNS bytea
    LANGUAGE sql IMMUTABLE SET search_path = public, pg_temp AS $$
    SELECT sha256(convert_to(concat_ws('|', kind, subject, array_to_string(ids, ','), content::text), 'UTF8'))
$$;

CREATE TABLE proposal (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind        text        NOT NULL,                      -- what is done when it is confirmed
    subject     text        NOT NULL,                      -- what `ids` are: 'payout', 'sending_stop'
    ids         bigint[]    NOT NULL,
    content     jsonb       NOT NULL,                      -- what both people saw: confirmed only while the rows still say so
    digest      bytea       NOT NULL GENERATED ALWAYS AS (proposal_digest(kind, subject, ids, content)) STORED,
    why         text        NOT NULL,
    made_by     text        NOT NULL,
    made_at     timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL,
    decision    text,                                      -- NULL: waits for a second person, or expired
    decided_by  text,
    decided_at  timestamptz,
    decide_note text        NOT NULL DEFAULT '',
    CONSTRAINT proposal_says_why CHECK (why <> ''),
    CONSTRAINT proposal_names_something CHECK (cardinality(ids) > 0),
    CONSTRAINT proposal_expires_later CHECK (expires_at > made_at),
    CONSTRAINT declared_proposal_decision CHECK (decision IN ('confirm', 'refuse')),
    CONSTRAINT proposal_decided_by_someone CHECK (num_nonnulls(decision, decided_by, decided_at) IN (0, 3)),
    CONSTRAINT proposal_needs_a_second_person CHECK (decided_by <> made_by),
    CONSTRAINT proposal_decided_in_time CHECK (decided_at < expires_at),
    CONSTRAINT proposal_refusal_has_a_reason CHECK (decision <> 'refuse' OR decide_note <> '')
);
CREATE INDEX proposal_open ON proposal (id) WHERE decision IS NULL;
CREATE INDEX proposal_by_subject ON proposal USING gin (ids);

CREATE FUNCTION proposal_is_decided_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.decision IS NOT NULL
        THEN PERFORM refuse('proposal_begins_open', 'a proposal begins undecided'); END IF;
        RETURN NEW;
    END IF;
    IF OLD.decision IS NOT NULL
    THEN PERFORM refuse('proposal_is_decided_once', 'a proposal is decided once'); END IF;
    IF (NEW.id, NEW.kind, NEW.subject, NEW.ids, NEW.content, NEW.why, NEW.made_by, NEW.made_at, NEW.expires_at)
       IS DISTINCT FROM
       (OLD.id, OLD.kind, OLD.subject, OLD.ids, OLD.content, OLD.why, OLD.made_by, OLD.made_at, OLD.expires_at)
    THEN PERFORM refuse('proposal_is_frozen', 'what was proposed never changes'); END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER proposal_is_decided_once BEFORE INSERT OR UPDATE ON proposal
    FOR EACH ROW EXECUTE FUNCTION proposal_is_decided_once();
CREATE TRIGGER proposal_is_kept BEFORE DELETE OR TRUNCATE ON proposal FOR EACH STATEMENT EXECUTE FUNCTION refuse_edit();


-- ---------------------------------------------------------------------------------------------------------------
-- The stop switch
-- ---------------------------------------------------------------------------------------------------------------

-- While a row without `started_at` stands, nothing leaves.
CREATE TABLE sending_stop (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    stopped_at  timestamptz NOT NULL,
    stopped_by  text        NOT NULL,                      -- 'user:ada', or 'job:check' where the desk stopped itself
    why         text        NOT NULL,
    started_at  timestamptz,
    started_by  text,                                      -- the second of the two people
    proposal_id bigint      REFERENCES proposal,
    CONSTRAINT stop_says_why CHECK (why <> ''),
    CONSTRAINT started_again_whole CHECK (num_nonnulls(started_at, started_by, proposal_id) IN (0, 3))
);
CREATE UNIQUE INDEX one_open_stop ON sending_stop ((true)) WHERE started_at IS NULL;

CREATE FUNCTION stop_ends_by_two_people() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.started_at IS NOT NULL
        THEN PERFORM refuse('stop_begins_open', 'a stop begins as one that stands'); END IF;
        RETURN NEW;
    END IF;
    IF OLD.started_at IS NOT NULL
       OR (NEW.id, NEW.stopped_at, NEW.stopped_by, NEW.why) IS DISTINCT FROM (OLD.id, OLD.stopped_at, OLD.stopped_by, OLD.why)
    THEN PERFORM refuse('stop_is_frozen', 'who stopped sending and why never changes'); END IF;
    IF NEW.started_at IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM proposal p
         WHERE p.id = NEW.proposal_id AND p.kind = 'start_sending' AND p.subject = 'sending_stop' AND p.ids = ARRAY[NEW.id]
           AND p.decision = 'confirm' AND p.decided_by = NEW.started_by)
    THEN PERFORM refuse('stop_ends_by_two_people', 'sending starts again when a second person confirms it'); END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER stop_ends_by_two_people BEFORE INSERT OR UPDATE ON sending_stop
    FOR EACH ROW EXECUTE FUNCTION stop_ends_by_two_people();
CREATE TRIGGER sending_stop_is_kept BEFORE DELETE OR TRUNCATE ON sending_stop
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_edit();

-- It takes no lock: a stop never waits for a sender that hangs, and a claim never waits for a stop.
CREATE FUNCTION nothing_leaves_while_stopped() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM sending_stop WHERE started_at IS NULL)
    THEN PERFORM refuse('nothing_leaves_while_stopped', 'sending is stopped: no attempt begins'); END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER nothing_leaves_while_stopped BEFORE INSERT ON attempt
    FOR EACH STATEMENT EXECUTE FUNCTION nothing_leaves_while_stopped();


-- ---------------------------------------------------------------------------------------------------------------
-- Proved absent
-- ---------------------------------------------------------------------------------------------------------------

-- A new key may follow only what two people called absent, for exactly this attempt.
CREATE FUNCTION absent_by_two_people() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM proposal p
         WHERE p.kind = 'proved_absent' AND p.subject = 'payout' AND p.decision = 'confirm'
           AND p.ids @> ARRAY[NEW.payout_id] AND cardinality(p.ids) = 1 AND p.content -> 'attempt' = to_jsonb(NEW.n))
    THEN PERFORM refuse('absent_by_two_people', 'an attempt is proved absent when a second person confirms it'); END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER absent_by_two_people BEFORE UPDATE OF state ON attempt
    FOR EACH ROW WHEN (NEW.state = 'absent' AND OLD.state = 'unknown') EXECUTE FUNCTION absent_by_two_people();


DO $$
BEGIN
    IF EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'paydesk_app') THEN
        GRANT SELECT, INSERT ON proposal, sending_stop TO paydesk_app;
        GRANT UPDATE (decision, decided_by, decided_at, decide_note) ON proposal TO paydesk_app;
        GRANT UPDATE (started_at, started_by, proposal_id) ON sending_stop TO paydesk_app;
    END IF;
END $$;
