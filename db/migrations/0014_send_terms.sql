-- A program's approved payouts wait, and leave inside its hours.
--
-- The delay is a date on the payout, set by the approval that was the last one needed, under the version of the policy the
-- payout was queued with. The hours are no dates: a process that was down for a night finds them shut like anybody else.

ALTER TABLE payout ADD COLUMN leaves_at timestamptz;       -- approved: may be taken back until then; NULL: no delay
-- From when on the sender looks at it, hours apart. Approved ones without a delay are due at once.
ALTER TABLE payout ADD COLUMN due_at timestamptz GENERATED ALWAYS AS (
    CASE status WHEN 'retrying' THEN retry_at WHEN 'approved' THEN coalesce(leaves_at, 'epoch') END) STORED;
ALTER TABLE payout ADD CONSTRAINT delay_begins_with_the_approval CHECK (leaves_at IS NULL OR status <> 'pending');

-- Asked by policy, so that neither what waits nor what rests until its hours is ever looked at.
CREATE INDEX payout_due ON payout (policy_id, priority_rank, due_at) WHERE status IN ('approved', 'retrying');

-- Whoever approves, a person or the policy itself: the delay cannot be forgotten, and nobody shortens it.
CREATE FUNCTION delay_follows_the_approval() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    delay interval;
BEGIN
    IF OLD.status = 'pending' AND NEW.status = 'approved' THEN
        SELECT make_interval(secs => extract(epoch FROM CAST(terms #>> '{sending,delay}' AS interval))::float8)
          INTO delay FROM policy WHERE id = NEW.policy_id;
        NEW.leaves_at := CASE WHEN delay > interval '0' THEN coalesce(NEW.decided_at, clock_timestamp()) + delay END;
    ELSIF NEW.status = 'pending' THEN
        NEW.leaves_at := NULL;
    ELSIF NEW.leaves_at IS DISTINCT FROM OLD.leaves_at THEN
        PERFORM refuse('delay_follows_the_approval', 'how long an approved payout waits is its policy''s to say');
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER delay_follows_the_approval BEFORE UPDATE ON payout
    FOR EACH ROW WHEN (NEW.status <> OLD.status OR NEW.leaves_at IS DISTINCT FROM OLD.leaves_at)
    EXECUTE FUNCTION delay_follows_the_approval();

-- What was found at the provider has left already.
CREATE FUNCTION nothing_leaves_before_its_time() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM payout WHERE id = NEW.payout_id AND leaves_at > NEW.started_at)
    THEN PERFORM refuse('nothing_leaves_before_its_time', 'an approval may still be taken back: no attempt begins'); END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER nothing_leaves_before_its_time BEFORE INSERT ON attempt
    FOR EACH ROW WHEN (NEW.adopts IS NULL) EXECUTE FUNCTION nothing_leaves_before_its_time();
