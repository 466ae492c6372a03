-- Requests beyond a rule, early payouts, backups and notes. A request may go below the minimum, over the cap or before a
-- release where two people agree on it, and neither of them approves what they agreed on.
--
-- Lock order: the program, the partner, the payout, what is said here of it; the proposal; audit_head last.


-- ---------------------------------------------------------------------------------------------------------------
-- Overrides
-- ---------------------------------------------------------------------------------------------------------------

-- Insert only. The rules a payout does not keep to, each with its figures, and the two people who agreed on that.
CREATE TABLE payout_override (
    payout_id    bigint      PRIMARY KEY REFERENCES payout,
    proposal_id  bigint      NOT NULL CONSTRAINT one_payout_per_override UNIQUE REFERENCES proposal,
    rules        jsonb       NOT NULL,
    proposed_by  text        NOT NULL,
    confirmed_by text        NOT NULL,
    at           timestamptz NOT NULL
);

-- Insert only. The earnings an override released before their day, whole; `release_at` is that day, to which they go
-- back should the payout come to nothing.
CREATE TABLE early_release (
    payout_id    bigint      NOT NULL REFERENCES payout_override,
    earning_id   bigint      NOT NULL REFERENCES earning,
    amount_minor bigint      NOT NULL,
    release_at   timestamptz NOT NULL,
    PRIMARY KEY (payout_id, earning_id)
);

-- Insert only. A payout a partner asked for before the slot of their schedule; that slot pays what came after.
CREATE TABLE early_payout (
    payout_id   bigint      PRIMARY KEY REFERENCES payout,
    before_slot timestamptz NOT NULL,
    at          timestamptz NOT NULL,
    CONSTRAINT early_is_before_its_slot CHECK (at < before_slot)
);

-- What is unusual about a payout is said when it is made, before anybody decides on it.
CREATE FUNCTION said_when_it_is_made() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM payout p WHERE p.id = NEW.payout_id AND p.origin = 'request' AND p.status = 'pending'
                      AND NOT EXISTS (SELECT 1 FROM approval a WHERE a.payout_id = p.id))
    THEN PERFORM refuse('said_when_it_is_made', 'it is said of a request that nobody has decided on yet'); END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER said_when_it_is_made BEFORE INSERT ON payout_override
    FOR EACH ROW EXECUTE FUNCTION said_when_it_is_made();
CREATE TRIGGER said_when_it_is_made BEFORE INSERT ON early_payout
    FOR EACH ROW EXECUTE FUNCTION said_when_it_is_made();

CREATE FUNCTION overridden_by_two_people() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM proposal o JOIN payout p ON p.id = NEW.payout_id
         WHERE o.id = NEW.proposal_id AND o.kind = 'override_request' AND o.subject = 'partner' AND o.decision = 'confirm'
           AND o.ids = ARRAY[p.partner_id] AND o.content -> 'amount_minor' = to_jsonb(p.amount_minor)
           AND o.content ->> 'currency' = p.currency::text AND o.content -> 'rules' = NEW.rules
           AND (o.made_by, o.decided_by) = (NEW.proposed_by, NEW.confirmed_by))
    THEN PERFORM refuse('overridden_by_two_people', 'a rule is overridden when a second person confirms just this payout'); END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER overridden_by_two_people BEFORE INSERT ON payout_override
    FOR EACH ROW EXECUTE FUNCTION overridden_by_two_people();

CREATE FUNCTION released_early_as_agreed() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM payout_override o
         CROSS JOIN LATERAL jsonb_array_elements(o.rules) AS broken (rule)
         CROSS JOIN LATERAL jsonb_array_elements(broken.rule -> 'earnings') AS named (earning)
          JOIN earning e ON e.id = NEW.earning_id AND e.amount_minor = NEW.amount_minor
         WHERE o.payout_id = NEW.payout_id AND broken.rule ->> 'rule' = 'before_release'
           AND named.earning -> 'earning_id' = to_jsonb(NEW.earning_id)
           AND named.earning -> 'amount_minor' = to_jsonb(NEW.amount_minor)
           AND CAST(named.earning ->> 'release_at' AS timestamptz) = NEW.release_at)
    THEN PERFORM refuse('released_early_as_agreed', 'only what two people named is released before its day'); END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER released_early_as_agreed BEFORE INSERT ON early_release
    FOR EACH ROW EXECUTE FUNCTION released_early_as_agreed();

-- Who made a payout what it is: its maker, whoever wrote one of its earnings by hand, set its destination or placed one of
-- the partner's own terms it was queued under, and the two who agreed on its override.
CREATE OR REPLACE FUNCTION payout_makers(wanted bigint) RETURNS SETOF text LANGUAGE sql STABLE
    SET search_path = public, pg_temp SET enable_seqscan = off AS $$
    SELECT made_by FROM payout WHERE id = wanted
     UNION SELECT payout_writers(wanted)
     UNION SELECT d.made_by FROM payout p JOIN destination d ON d.id = p.destination_id WHERE p.id = wanted
     UNION SELECT payout_terms_makers(wanted)
     UNION SELECT proposed_by FROM payout_override WHERE payout_id = wanted
     UNION SELECT confirmed_by FROM payout_override WHERE payout_id = wanted
$$;

-- The digest of what an approval approves, the overridden rules with it. Priority and retry time are no part of it.
CREATE OR REPLACE FUNCTION payout_content_hash(wanted bigint) RETURNS bytea LANGUAGE sql STABLE
    SET search_path = public, pg_temp SET enable_seqscan = off AS $$
    SELECT sha256(convert_to(concat_ws('|', p.ref, p.partner_id, p.amount_minor, p.fee_minor, p.currency, p.method,
                                       p.destination_id, encode(d.fingerprint, 'hex'), p.policy_id, p.review,
               (SELECT string_agg(i.earning_id || ':' || i.amount_minor, ',' ORDER BY i.earning_id)
                  FROM payout_item i WHERE i.payout_id = p.id),
               (SELECT 'override:' || o.rules::text FROM payout_override o WHERE o.payout_id = p.id)), 'UTF8'))
      FROM payout p JOIN destination d ON d.id = p.destination_id
     WHERE p.id = wanted
$$;


-- ---------------------------------------------------------------------------------------------------------------
-- A second method
-- ---------------------------------------------------------------------------------------------------------------

-- Insert only; the newest row of a partner holds. `asked` is what changing the destination would ask for, so that the
-- change can be proposed as it stands here. Nothing is ever paid to a backup: first it becomes the destination.
CREATE TABLE backup_method (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    partner_id  bigint      NOT NULL REFERENCES partner,
    method      text,                                      -- NULL: there is none any more
    asked       jsonb       NOT NULL,
    proposal_id bigint      NOT NULL CONSTRAINT one_backup_per_proposal UNIQUE REFERENCES proposal,
    made_by     text        NOT NULL,                      -- who proposed it
    at          timestamptz NOT NULL,
    CONSTRAINT backup_is_what_was_asked CHECK (asked ->> 'method' IS NOT DISTINCT FROM method)
);
CREATE INDEX backup_by_partner ON backup_method (partner_id, id DESC);

CREATE FUNCTION backup_by_two_people() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM proposal p
         WHERE p.id = NEW.proposal_id AND p.kind = 'set_backup' AND p.subject = 'partner' AND p.decision = 'confirm'
           AND p.ids = ARRAY[NEW.partner_id] AND p.content -> 'asked' = NEW.asked AND p.made_by = NEW.made_by)
    THEN PERFORM refuse('backup_by_two_people', 'a backup is kept when a second person confirms just this one'); END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER backup_by_two_people BEFORE INSERT ON backup_method FOR EACH ROW EXECUTE FUNCTION backup_by_two_people();


-- ---------------------------------------------------------------------------------------------------------------
-- Notes on partners
-- ---------------------------------------------------------------------------------------------------------------

-- Added to, never changed; the text may name a person, so it can be blanked, and says when it was.
CREATE TABLE partner_note (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    partner_id bigint      NOT NULL REFERENCES partner,
    note       text,
    made_by    text        NOT NULL,
    at         timestamptz NOT NULL,
    blanked_at timestamptz,
    CONSTRAINT note_says_something CHECK (note <> ''),
    CONSTRAINT blanked_note_is_blank CHECK ((note IS NULL) = (blanked_at IS NOT NULL))
);
CREATE INDEX note_by_partner ON partner_note (partner_id, id DESC);

CREATE FUNCTION note_is_only_blanked() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.blanked_at IS NOT NULL OR NEW.note IS NOT NULL
       OR (NEW.id, NEW.partner_id, NEW.made_by, NEW.at) IS DISTINCT FROM (OLD.id, OLD.partner_id, OLD.made_by, OLD.at)
    THEN PERFORM refuse('note_is_only_blanked', 'a note stays as it was written, or is blanked once'); END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER note_is_only_blanked BEFORE UPDATE ON partner_note FOR EACH ROW EXECUTE FUNCTION note_is_only_blanked();
CREATE TRIGGER note_is_kept BEFORE DELETE OR TRUNCATE ON partner_note FOR EACH STATEMENT EXECUTE FUNCTION refuse_edit();


-- ---------------------------------------------------------------------------------------------------------------
-- Why not paid, counted
-- ---------------------------------------------------------------------------------------------------------------

CREATE INDEX skip_by_reason ON skip (run_id, reason, partner_id);


DO $$
DECLARE history text;
BEGIN
    FOREACH history IN ARRAY ARRAY['payout_override', 'early_release', 'early_payout', 'backup_method']
    LOOP
        EXECUTE format('CREATE TRIGGER history BEFORE UPDATE OR DELETE OR TRUNCATE ON %I
                        FOR EACH STATEMENT EXECUTE FUNCTION refuse_edit()', history);
    END LOOP;
END $$;

DO $$
BEGIN
    IF EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'paydesk_app') THEN
        GRANT SELECT, INSERT ON payout_override, early_release, early_payout, backup_method, partner_note TO paydesk_app;
        GRANT UPDATE (note, blanked_at) ON partner_note TO paydesk_app;
    END IF;
END $$;
