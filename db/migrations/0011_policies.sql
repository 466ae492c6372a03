-- Policies change by two people, one version after the other. The first version of a program comes with it.
--
-- Lock order: the program, then the proposal, audit_head last.

ALTER TABLE policy ADD COLUMN proposal_id bigint REFERENCES proposal;

CREATE FUNCTION policy_changes_by_two_people() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    before policy;
BEGIN
    SELECT * INTO before FROM policy WHERE program_id = NEW.program_id ORDER BY version DESC LIMIT 1;
    IF NEW.version > coalesce(before.version, 0) + 1
    THEN PERFORM refuse('policy_versions_follow', 'a policy''s versions are counted without a gap'); END IF;
    IF NEW.effective_at < before.effective_at
    THEN PERFORM refuse('policy_takes_effect_in_order', 'a later version takes effect no earlier than the one before'); END IF;
    IF NEW.version > 1 AND NOT EXISTS (
        SELECT 1 FROM proposal p
         WHERE p.id = NEW.proposal_id AND p.kind = 'change_policy' AND p.subject = 'program' AND p.decision = 'confirm'
           AND p.ids = ARRAY[NEW.program_id]::bigint[] AND p.content -> 'terms' = NEW.terms)
    THEN PERFORM refuse('policy_changes_by_two_people', 'a policy changes when a second person confirms just these terms'); END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER policy_changes_by_two_people BEFORE INSERT ON policy
    FOR EACH ROW EXECUTE FUNCTION policy_changes_by_two_people();
