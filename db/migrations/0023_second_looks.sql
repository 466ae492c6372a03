-- What a person rejected or cancelled, or what failed for good, is not approved by a policy the next time; and who kept a
-- backup has a hand in what is paid there.

-- A partner's payouts that came to nothing: few among many.
CREATE INDEX payout_ended ON payout (partner_id, id) WHERE NOT live;

-- The newest payout that a person ended or that failed, and of which this one pays something again; NULL: none. What the desk
-- pulled back by itself, for a hold, a correction or a new destination, has reasons of its own.
CREATE FUNCTION payout_again_after(wanted bigint) RETURNS bigint LANGUAGE sql STABLE SET search_path = public, pg_temp
    SET enable_seqscan = off AS $$
    SELECT q.id
      FROM payout p JOIN payout q ON q.partner_id = p.partner_id AND NOT q.live AND q.id < p.id
     WHERE p.id = wanted AND (q.status <> 'cancelled' OR q.reason_code = 'person')
       AND EXISTS (SELECT 1 FROM payout_item i JOIN payout_item was ON was.earning_id = i.earning_id
                    WHERE i.payout_id = p.id AND was.payout_id = q.id)
     ORDER BY q.id DESC LIMIT 1
$$;

ALTER TABLE left_to_person DROP CONSTRAINT declared_reason_to_look;
ALTER TABLE left_to_person ADD CONSTRAINT declared_reason_to_look CHECK (reason IN (
    'above_amount', 'second_person', 'new_destination', 'above_usual', 'written_by_hand', 'day_full', 'blocked', 'paid_again'));

CREATE FUNCTION policy_never_overrules() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM new_rows WHERE starts_with(actor, 'policy:') AND payout_again_after(payout_id) IS NOT NULL)
    THEN PERFORM refuse('policy_never_overrules', 'what came to nothing before is a person''s to approve'); END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER policy_never_overrules AFTER INSERT ON approval REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION policy_never_overrules();

-- Who made a payout what it is: its maker, whoever wrote one of its earnings by hand, set its destination, kept the backup
-- it was changed to or placed one of the partner's own terms it was queued under, and the two who agreed on its override.
CREATE OR REPLACE FUNCTION payout_makers(wanted bigint) RETURNS SETOF text LANGUAGE sql STABLE
    SET search_path = public, pg_temp SET enable_seqscan = off AS $$
    SELECT made_by FROM payout WHERE id = wanted
     UNION SELECT payout_writers(wanted)
     UNION SELECT d.made_by FROM payout p JOIN destination d ON d.id = p.destination_id WHERE p.id = wanted
     UNION SELECT b.made_by FROM payout p JOIN destination d ON d.id = p.destination_id
            CROSS JOIN LATERAL (SELECT method, made_by FROM backup_method
                                 WHERE partner_id = p.partner_id AND at < d.opened_at ORDER BY id DESC LIMIT 1) b
            WHERE p.id = wanted AND b.method = d.method
     UNION SELECT payout_terms_makers(wanted)
     UNION SELECT proposed_by FROM payout_override WHERE payout_id = wanted
     UNION SELECT confirmed_by FROM payout_override WHERE payout_id = wanted
$$;
