-- A person has the scheduler run a job, dry first where wanted, or pauses one until an instant.


CREATE TABLE job_order (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    job      text        NOT NULL,
    dry_run  boolean     NOT NULL,
    asked_at timestamptz NOT NULL,
    asked_by text        NOT NULL,
    began_at timestamptz,                                  -- of the newest try: one whose process died is taken up again
    ended_at timestamptz,
    count    bigint,
    result   jsonb       NOT NULL DEFAULT '{}',            -- amounts in minor units by currency, duration_ms, and what the job says
    fault    text,                                         -- why it did not come to its end
    CONSTRAINT order_begins_before_it_ends CHECK (ended_at IS NULL OR began_at IS NOT NULL),
    CONSTRAINT order_ends_with_a_count_or_a_fault CHECK ((ended_at IS NOT NULL) = (count IS NOT NULL OR fault IS NOT NULL)),
    CONSTRAINT order_fails_or_counts CHECK (count IS NULL OR fault IS NULL)
);
CREATE UNIQUE INDEX one_open_order_per_job ON job_order (job) WHERE ended_at IS NULL;
CREATE INDEX job_order_by_job ON job_order (job, id DESC);

CREATE FUNCTION order_ends_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.ended_at IS NOT NULL OR (NEW.id, NEW.job, NEW.dry_run, NEW.asked_at, NEW.asked_by)
                                IS DISTINCT FROM (OLD.id, OLD.job, OLD.dry_run, OLD.asked_at, OLD.asked_by)
    THEN PERFORM refuse('order_ends_once', 'what was asked for by whom stays, and so does how it ended'); END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER order_ends_once BEFORE UPDATE ON job_order FOR EACH ROW EXECUTE FUNCTION order_ends_once();
CREATE TRIGGER job_order_is_kept BEFORE DELETE OR TRUNCATE ON job_order FOR EACH STATEMENT EXECUTE FUNCTION refuse_edit();


CREATE TABLE job_pause (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    job       text        NOT NULL,
    reason    text        NOT NULL,
    paused_at timestamptz NOT NULL,
    paused_by text        NOT NULL,
    until     timestamptz NOT NULL,
    ended_at  timestamptz,                                 -- ended by a person before `until`; or replaced after it
    ended_by  text,
    CONSTRAINT pause_has_a_reason CHECK (btrim(reason) <> ''),
    CONSTRAINT pause_has_an_end_within_a_week CHECK (until > paused_at AND until <= paused_at + interval '7 days'),
    -- Sending has a switch of its own that takes two people to start; what looks after money in flight never rests.
    CONSTRAINT some_jobs_are_never_paused CHECK (job NOT IN ('send', 'retry', 'resolve', 'reversals', 'check')),
    CONSTRAINT pause_is_ended_by_somebody CHECK ((ended_at IS NULL) = (ended_by IS NULL))
);
CREATE UNIQUE INDEX one_open_pause_per_job ON job_pause (job) WHERE ended_at IS NULL;

CREATE FUNCTION pause_ends_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.ended_at IS NOT NULL OR (NEW.id, NEW.job, NEW.reason, NEW.paused_at, NEW.paused_by, NEW.until)
                                IS DISTINCT FROM (OLD.id, OLD.job, OLD.reason, OLD.paused_at, OLD.paused_by, OLD.until)
    THEN PERFORM refuse('pause_ends_once', 'who paused what, why and until when stays; it is ended once'); END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER pause_ends_once BEFORE UPDATE ON job_pause FOR EACH ROW EXECUTE FUNCTION pause_ends_once();
CREATE TRIGGER job_pause_is_kept BEFORE DELETE OR TRUNCATE ON job_pause FOR EACH STATEMENT EXECUTE FUNCTION refuse_edit();


DO $$
BEGIN
    IF EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'paydesk_app') THEN
        GRANT SELECT, INSERT ON job_order, job_pause TO paydesk_app;
        GRANT UPDATE (began_at, ended_at, count, result, fault) ON job_order TO paydesk_app;
        GRANT UPDATE (ended_at, ended_by) ON job_pause TO paydesk_app;
    END IF;
END $$;
