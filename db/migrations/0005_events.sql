-- Events. What the provider tells of by itself is written down first and applied once, whatever came first, twice or late.
-- A row holds references only: what they refer to is asked for when the event is applied, so no customer's data is kept here.
--
-- Lock order: the event's own row before anything of the desk's; nobody who holds money takes an event.

CREATE TABLE provider_event (
    provider    text        NOT NULL,
    ref         text        NOT NULL,
    kind        text        NOT NULL,                      -- 'charge.refunded'
    object_ref  text        NOT NULL,                      -- what it is about
    account     text,                                      -- the connected account it happened on; null: the platform's own
    created_at  timestamptz NOT NULL,                      -- the provider's clock
    received_at timestamptz NOT NULL,
    came_by     text        NOT NULL,                      -- whichever was first
    state       text        NOT NULL DEFAULT 'waiting',
    tries       int         NOT NULL DEFAULT 0,
    next_try_at timestamptz,
    ended_at    timestamptz,
    outcome     text        NOT NULL DEFAULT '',           -- what was done
    error       text        NOT NULL DEFAULT '',           -- why the last try came to nothing
    PRIMARY KEY (provider, ref),
    CONSTRAINT event_has_a_ref CHECK (ref <> '' AND length(ref) <= 255),
    CONSTRAINT event_has_a_kind CHECK (kind ~ '^[a-z0-9_]+(\.[a-z0-9_]+)+$' AND length(kind) <= 100),
    CONSTRAINT event_names_its_object CHECK (object_ref <> '' AND length(object_ref) <= 255),
    CONSTRAINT event_names_an_account CHECK (account <> '' AND length(account) <= 255),
    CONSTRAINT declared_event_way CHECK (came_by IN ('webhook', 'poll')),
    CONSTRAINT declared_event_state CHECK (state IN (
        'waiting',
        'applied',
        'ignored',                                         -- there was nothing to do
        'stuck')),                                         -- it cannot be applied, or not for days: a person looks
    CONSTRAINT event_tries_are_counted CHECK (tries >= 0),
    CONSTRAINT waiting_event_has_its_turn CHECK ((state = 'waiting') = (next_try_at IS NOT NULL)),
    CONSTRAINT event_ends_at_an_instant CHECK ((state = 'waiting') = (ended_at IS NULL)),
    CONSTRAINT event_end_says_what_was_done CHECK (state NOT IN ('applied', 'ignored') OR outcome <> ''),
    CONSTRAINT stuck_event_says_why CHECK (state <> 'stuck' OR error <> '')
);
CREATE INDEX event_turn ON provider_event (next_try_at, created_at, ref) WHERE state = 'waiting';
CREATE INDEX event_waiting_by_object ON provider_event (object_ref) WHERE state = 'waiting';
CREATE INDEX event_stuck ON provider_event (received_at, ref) WHERE state = 'stuck';

CREATE FUNCTION event_is_applied_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.state <> 'waiting' OR NEW.tries <> 0
        THEN PERFORM refuse('event_begins_waiting', 'an event begins waiting and untried'); END IF;
        RETURN NEW;
    END IF;
    IF OLD.state IN ('applied', 'ignored')
    THEN PERFORM refuse('event_is_applied_once', 'an event that was applied stays as it is'); END IF;
    IF (NEW.provider, NEW.ref, NEW.kind, NEW.object_ref, NEW.account, NEW.created_at, NEW.received_at, NEW.came_by)
       IS DISTINCT FROM
       (OLD.provider, OLD.ref, OLD.kind, OLD.object_ref, OLD.account, OLD.created_at, OLD.received_at, OLD.came_by)
    THEN PERFORM refuse('event_is_frozen', 'what the provider told, and when, never changes'); END IF;
    IF OLD.state = 'stuck' AND NEW.state <> 'waiting'
    THEN PERFORM refuse('stuck_event_waits_again_first', 'a stuck event waits again before it is applied'); END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER event_is_applied_once BEFORE INSERT OR UPDATE ON provider_event
    FOR EACH ROW EXECUTE FUNCTION event_is_applied_once();
CREATE TRIGGER event_is_kept BEFORE DELETE OR TRUNCATE ON provider_event
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_edit();

-- Until when everything was read from the provider's own list, of the platform ('') and of connected accounts.
CREATE TABLE event_watermark (
    provider  text        NOT NULL,
    account   text        NOT NULL,
    until     timestamptz NOT NULL,
    polled_at timestamptz NOT NULL,
    PRIMARY KEY (provider, account)
);

-- Insert only. Times the provider's list no longer went back to: what happened then is found by reconciling.
CREATE TABLE event_gap (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    provider text        NOT NULL,
    since    timestamptz NOT NULL,
    until    timestamptz NOT NULL,
    found_at timestamptz NOT NULL,
    CONSTRAINT gap_of_some_time CHECK (since < until)
);
CREATE TRIGGER history BEFORE UPDATE OR DELETE OR TRUNCATE ON event_gap
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_edit();

-- An event on a connected account is written down only if some partner was ever paid there.
CREATE INDEX destination_by_account ON destination (account) WHERE account IS NOT NULL;


DO $$
BEGIN
    IF EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'paydesk_app') THEN
        GRANT SELECT, INSERT ON provider_event, event_watermark, event_gap TO paydesk_app;
        GRANT UPDATE (state, tries, next_try_at, ended_at, outcome, error) ON provider_event TO paydesk_app;
        GRANT UPDATE (until, polled_at) ON event_watermark TO paydesk_app;
    END IF;
END $$;
