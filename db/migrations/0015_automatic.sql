-- A policy may approve by itself, up to a sum a day; and a partner has terms of its own only as two people agreed.
--
-- Lock order: program, balances, payouts; then policy_day, a counter, by program; audit_head last.


-- ---------------------------------------------------------------------------------------------------------------
-- A partner's own terms
-- ---------------------------------------------------------------------------------------------------------------

-- Insert only. What held for a partner alone, one row per change; `partner.overrides` is the newest.
CREATE TABLE own_terms (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    partner_id      bigint      NOT NULL REFERENCES partner,
    terms           jsonb       NOT NULL,
    proposal_id     bigint      NOT NULL REFERENCES proposal CONSTRAINT proposed_terms_placed_once UNIQUE,
    made_by         text        NOT NULL,                   -- who proposed them: a maker of what is queued under them
    after_payout_id bigint      NOT NULL,                   -- the partner's last payout before they held; 0: none
    at              timestamptz NOT NULL
);
CREATE INDEX own_terms_by_partner ON own_terms (partner_id, id DESC);
CREATE TRIGGER history BEFORE UPDATE OR DELETE OR TRUNCATE ON own_terms FOR EACH STATEMENT EXECUTE FUNCTION refuse_edit();

CREATE FUNCTION own_terms_by_two_people() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM proposal p
         WHERE p.id = NEW.proposal_id AND p.kind = 'change_terms' AND p.subject = 'partner' AND p.decision = 'confirm'
           AND p.ids = ARRAY[NEW.partner_id] AND p.made_by = NEW.made_by AND p.content -> 'terms' = NEW.terms)
    THEN PERFORM refuse('own_terms_by_two_people', 'a partner''s own terms change when a second person confirms just these'); END IF;
    NEW.after_payout_id := coalesce((SELECT max(id) FROM payout WHERE partner_id = NEW.partner_id), 0);
    RETURN NEW;
END $$;
CREATE TRIGGER own_terms_by_two_people BEFORE INSERT ON own_terms
    FOR EACH ROW EXECUTE FUNCTION own_terms_by_two_people();

CREATE FUNCTION overrides_as_agreed() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NEW.overrides IS DISTINCT FROM (SELECT terms FROM own_terms WHERE partner_id = NEW.id ORDER BY id DESC LIMIT 1)
    THEN PERFORM refuse('overrides_as_agreed', 'a partner''s own terms are the ones two people agreed on last'); END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER overrides_begin_empty BEFORE INSERT ON partner
    FOR EACH ROW WHEN (NEW.overrides <> '{}') EXECUTE FUNCTION overrides_as_agreed();
CREATE TRIGGER overrides_as_agreed BEFORE UPDATE OF overrides ON partner
    FOR EACH ROW WHEN (NEW.overrides IS DISTINCT FROM OLD.overrides) EXECUTE FUNCTION overrides_as_agreed();


-- ---------------------------------------------------------------------------------------------------------------
-- The makers of a payout
-- ---------------------------------------------------------------------------------------------------------------

-- Who wrote an earning in it by hand, or the one a part of it was split from.
CREATE FUNCTION payout_writers(wanted bigint) RETURNS SETOF text LANGUAGE sql STABLE SET search_path = public, pg_temp
    SET enable_seqscan = off AS $$
    WITH RECURSIVE source AS (
        SELECT e.id, e.kind, e.corrects_id, e.import_id, e.made_by
          FROM payout_item i JOIN earning e ON e.id = i.earning_id
         WHERE i.payout_id = wanted
         UNION
        SELECT e.id, e.kind, e.corrects_id, e.import_id, e.made_by
          FROM source s JOIN earning e ON e.id = s.corrects_id
         WHERE s.kind IN ('carry_out', 'carry_in'))
    SELECT made_by FROM source WHERE import_id IS NULL AND kind NOT IN ('carry_out', 'carry_in')
$$;

-- Who placed a term of the partner's own that held when the payout was queued. Told by the payouts' order, not by a clock.
CREATE FUNCTION payout_terms_makers(wanted bigint) RETURNS SETOF text LANGUAGE sql STABLE SET search_path = public, pg_temp
    SET enable_seqscan = off AS $$
    WITH history AS (
        SELECT o.id, o.terms, o.made_by,
               coalesce(lag(o.terms) OVER (ORDER BY o.id), '{}') AS before,
               last_value(o.terms) OVER (ORDER BY o.id ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS in_force
          FROM payout p JOIN own_terms o ON o.partner_id = p.partner_id AND o.after_payout_id < p.id
         WHERE p.id = wanted)
    SELECT DISTINCT h.made_by
      FROM history h CROSS JOIN LATERAL jsonb_each(h.in_force) term (name, value)
     WHERE h.terms -> term.name = term.value AND h.before -> term.name IS DISTINCT FROM term.value
$$;

-- Who made a payout what it is: its maker, whoever wrote one of its earnings by hand, set its destination or placed one of
-- the partner's own terms it was queued under. What is left of a split earning stays its writer's; who split it wrote nothing.
CREATE OR REPLACE FUNCTION payout_makers(wanted bigint) RETURNS SETOF text LANGUAGE sql STABLE
    SET search_path = public, pg_temp SET enable_seqscan = off AS $$
    SELECT made_by FROM payout WHERE id = wanted
     UNION SELECT payout_writers(wanted)
     UNION SELECT d.made_by FROM payout p JOIN destination d ON d.id = p.destination_id WHERE p.id = wanted
     UNION SELECT payout_terms_makers(wanted)
$$;


-- ---------------------------------------------------------------------------------------------------------------
-- What a policy approves by itself
-- ---------------------------------------------------------------------------------------------------------------

-- What policies have approved by themselves, by the day of the program's zone. Written with the approvals, by trigger only.
CREATE TABLE policy_day (
    program_id   int    NOT NULL REFERENCES program,
    day          date   NOT NULL,
    n            bigint NOT NULL DEFAULT 0,
    amount_minor bigint NOT NULL DEFAULT 0,                 -- gross, like every limit of a policy
    CONSTRAINT one_count_per_day PRIMARY KEY (program_id, day)
);

-- Insert only. Payouts a policy could have approved and left to a person, and why.
CREATE TABLE left_to_person (
    payout_id bigint      NOT NULL REFERENCES payout CONSTRAINT left_to_a_person_once PRIMARY KEY,
    reason    text        NOT NULL CONSTRAINT declared_reason_to_look CHECK (reason IN (
        'above_amount', 'second_person', 'new_destination', 'above_usual', 'written_by_hand', 'day_full', 'blocked')),
    sentence  text        NOT NULL CONSTRAINT left_with_a_sentence CHECK (sentence <> ''),
    at        timestamptz NOT NULL
);
CREATE INDEX left_by_time ON left_to_person (at);
CREATE TRIGGER history BEFORE UPDATE OR DELETE OR TRUNCATE ON left_to_person
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_edit();

-- Hold a program's day until the end of the transaction and return what has been approved in it: of two queue runs the
-- second one waits here, and sees what the first one approved.
CREATE FUNCTION lock_policy_day(of_program int, of_day date) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    used bigint;
BEGIN
    INSERT INTO policy_day (program_id, day) VALUES (of_program, of_day) ON CONFLICT DO NOTHING;
    SELECT amount_minor INTO used FROM policy_day WHERE program_id = of_program AND day = of_day FOR UPDATE;
    RETURN used;
END $$;

-- A policy approves for `policy:<program>:<version>`, and only what that version lets it, on the row and on the day.
CREATE FUNCTION policy_approves() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET enable_seqscan = off AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM new_rows WHERE starts_with(actor, 'policy:')) THEN RETURN NULL; END IF;
    IF EXISTS (
        SELECT 1 FROM new_rows n
          JOIN payout p ON p.id = n.payout_id
          JOIN program g ON g.id = p.program_id
          JOIN policy l ON l.id = p.policy_id
          JOIN partner r ON r.id = p.partner_id
         WHERE starts_with(n.actor, 'policy:')
           AND (n.decision = 'approve' AND n.actor = 'policy:' || g.code || ':' || l.version
                AND (l.terms #>> '{approval,auto}')::boolean
                AND p.amount_minor <= (l.terms #>> '{approval,auto_up_to_minor}')::bigint
                AND p.amount_minor <= (l.terms #>> '{approval,dual_above_minor}')::bigint
                AND coalesce(r.overrides ->> 'auto_payout_enabled',
                             l.terms #>> ARRAY['tiers', r.tier, 'auto_payout_enabled'],
                             l.terms ->> 'auto_payout_enabled')::boolean) IS NOT TRUE)
    THEN PERFORM refuse('policy_approves_as_its_version_says', 'a policy approves what the version it names allows, no more'); END IF;
    IF EXISTS (
        SELECT 1 FROM new_rows n
          JOIN payout p ON p.id = n.payout_id
          JOIN destination d ON d.id = p.destination_id
         WHERE starts_with(n.actor, 'policy:')
           AND (p.origin <> 'schedule' OR p.approvals_needed > 1 OR starts_with(p.made_by, 'user:')
                OR (d.replaces_id IS NOT NULL
                    AND NOT EXISTS (SELECT 1 FROM payout x WHERE x.partner_id = p.partner_id AND x.status = 'paid'
                                       AND x.destination_id = d.id))
                OR EXISTS (SELECT 1 FROM payout_writers(p.id) AS writer WHERE starts_with(writer, 'user:'))
                OR EXISTS (SELECT 1 FROM hold h
                            WHERE h.partner_id = p.partner_id AND h.closed_at IS NULL
                              AND (h.until IS NULL OR h.until > n.at)
                              AND (h.payout_id = p.id OR (h.payout_id IS NULL AND h.earning_id IS NULL)
                                   OR h.earning_id IN (SELECT i.earning_id FROM payout_item i WHERE i.payout_id = p.id)))))
    THEN PERFORM refuse('policy_leaves_people_what_is_theirs',
                        'asked for, by two people, to a new destination, by hand or on hold: a person looks'); END IF;
    INSERT INTO policy_day (program_id, day, n, amount_minor)
    SELECT p.program_id, (n.at AT TIME ZONE g.zone)::date, count(*), sum(p.amount_minor)
      FROM new_rows n JOIN payout p ON p.id = n.payout_id JOIN program g ON g.id = p.program_id
     WHERE starts_with(n.actor, 'policy:')
     GROUP BY 1, 2 ORDER BY 1, 2
        ON CONFLICT (program_id, day)
        DO UPDATE SET n = policy_day.n + EXCLUDED.n, amount_minor = policy_day.amount_minor + EXCLUDED.amount_minor;
    IF EXISTS (
        SELECT 1 FROM new_rows n
          JOIN payout p ON p.id = n.payout_id
          JOIN program g ON g.id = p.program_id
          JOIN policy l ON l.id = p.policy_id
          JOIN policy_day d ON d.program_id = p.program_id AND d.day = (n.at AT TIME ZONE g.zone)::date
         WHERE starts_with(n.actor, 'policy:')
           AND (d.amount_minor <= (l.terms #>> '{approval,auto_per_day_minor}')::bigint) IS NOT TRUE)
    THEN PERFORM refuse('policy_approves_within_its_day', 'a policy approves no more a day than its version says'); END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER policy_approves AFTER INSERT ON approval REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION policy_approves();


DO $$
BEGIN
    IF EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'paydesk_app') THEN
        GRANT SELECT ON own_terms, policy_day, left_to_person TO paydesk_app;
        GRANT INSERT ON own_terms, left_to_person TO paydesk_app;
        GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO paydesk_app;
    END IF;
END $$;
-- What works with the owner's rights is for its trigger: hung on a table of one's own, it would count what nobody approved.
REVOKE EXECUTE ON FUNCTION policy_approves() FROM PUBLIC;
