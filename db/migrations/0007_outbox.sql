-- The outbox: what is to be told to whom, written with the act that causes it, sent once by the scheduler.
--
-- Lock order: a message is written after whatever it tells of, before audit_head; the scheduler locks nothing but messages.

-- What it tells of stands here as ids and figures alone: names, addresses and words are read when it is sent, from where
-- they can be blanked or mended.
CREATE TABLE message (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    ref           uuid        NOT NULL DEFAULT gen_random_uuid() CONSTRAINT message_ref_once UNIQUE,  -- in its Message-ID
    kind          text        NOT NULL,
    partner_id    bigint      REFERENCES partner,          -- NULL: the finance team
    about         jsonb       NOT NULL,
    once          text        NOT NULL CONSTRAINT told_once UNIQUE,
    made_by       text        NOT NULL,
    made_at       timestamptz NOT NULL,
    state         text        NOT NULL DEFAULT 'waiting',
    waiting_since timestamptz NOT NULL,                    -- made, or wanted again by a person
    next_try_at   timestamptz,
    tries         int         NOT NULL DEFAULT 0,          -- since then
    lease_epoch   int         NOT NULL DEFAULT 0,          -- raised by every claim: an outcome counts under its own alone
    lease_until   timestamptz,                             -- the database's clock
    sent_at       timestamptz,
    error         text,                                    -- why it is not sent
    CONSTRAINT message_kind_is_a_name CHECK (kind ~ '^[a-z]+(_[a-z]+)*$'),
    CONSTRAINT message_is_ids_and_figures CHECK (
        jsonb_typeof(about) = 'object' AND NOT jsonb_path_exists(about, 'strict $.* ? (@.type() != "number")')),
    CONSTRAINT message_is_told_once_by_a_key CHECK (once <> '' AND once NOT LIKE '%@%'),
    CONSTRAINT declared_message_state CHECK (state IN (
        'waiting', 'sending', 'sent',
        'failed',                                          -- refused for good, or tried long enough
        'unclear',                                         -- handed to the mail server, or not: nobody knows
        'dropped')),                                       -- not to be sent
    CONSTRAINT message_tries_are_counted CHECK (tries >= 0 AND lease_epoch >= tries),
    CONSTRAINT waiting_has_a_next_try CHECK ((state = 'waiting') = (next_try_at IS NOT NULL)),
    CONSTRAINT sending_has_a_lease CHECK ((state = 'sending') = (lease_until IS NOT NULL)),
    CONSTRAINT sent_has_its_instant CHECK ((state = 'sent') = (sent_at IS NOT NULL)),
    CONSTRAINT not_sent_says_why CHECK (state NOT IN ('failed', 'unclear', 'dropped') OR error <> ''),
    CONSTRAINT message_error_names_nobody CHECK (error NOT LIKE '%@%' AND error NOT LIKE '%://%')
);
CREATE INDEX message_due ON message (next_try_at, id) WHERE state = 'waiting';
CREATE INDEX message_open ON message (state, id) WHERE state IN ('waiting', 'sending', 'failed', 'unclear');
CREATE INDEX message_by_partner ON message (partner_id, id) WHERE partner_id IS NOT NULL;
CREATE UNIQUE INDEX one_onboarding_link_on_its_way ON message (partner_id)
    WHERE kind = 'onboarding_link' AND state IN ('waiting', 'sending');

CREATE FUNCTION message_moves_on() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.state <> 'waiting' OR NEW.lease_epoch > 0
        THEN PERFORM refuse('message_begins_waiting', 'a message begins as one that waits'); END IF;
        RETURN NEW;
    END IF;
    IF (NEW.id, NEW.ref, NEW.kind, NEW.partner_id, NEW.about, NEW.once, NEW.made_by, NEW.made_at) IS DISTINCT FROM
       (OLD.id, OLD.ref, OLD.kind, OLD.partner_id, OLD.about, OLD.once, OLD.made_by, OLD.made_at)
    THEN PERFORM refuse('message_is_frozen', 'what is told to whom never changes'); END IF;
    IF OLD.state IN ('sent', 'dropped') OR NEW.lease_epoch < OLD.lease_epoch
    THEN PERFORM refuse('message_ends_once', 'a message that was sent or dropped stays as it is'); END IF;
    IF NEW.state <> OLD.state AND (OLD.state, NEW.state) NOT IN (
        ('waiting', 'sending'), ('waiting', 'dropped'),
        ('sending', 'sent'), ('sending', 'waiting'), ('sending', 'failed'), ('sending', 'unclear'), ('sending', 'dropped'),
        ('unclear', 'sent'), ('unclear', 'waiting'), ('unclear', 'failed'), ('unclear', 'dropped'),
        ('failed', 'waiting'), ('failed', 'dropped'))
    THEN PERFORM refuse('message_moves_on', format('a message does not go from %s to %s', OLD.state, NEW.state)); END IF;
    IF NEW.state = 'sending' AND OLD.state <> 'sending' AND NEW.lease_epoch = OLD.lease_epoch
    THEN PERFORM refuse('message_is_sent_under_a_claim', 'a message is sent by whoever claimed it'); END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER message_moves_on BEFORE INSERT OR UPDATE ON message FOR EACH ROW EXECUTE FUNCTION message_moves_on();
CREATE TRIGGER message_is_kept BEFORE DELETE OR TRUNCATE ON message FOR EACH STATEMENT EXECUTE FUNCTION refuse_edit();

-- Insert only. Every try and every decision about a message, in words that name no address and hold no link.
CREATE TABLE delivery (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    message_id bigint      NOT NULL REFERENCES message,
    at         timestamptz NOT NULL,
    actor      text        NOT NULL,
    outcome    text        NOT NULL,
    words      text        NOT NULL,
    CONSTRAINT declared_delivery CHECK (outcome IN ('sent', 'later', 'refused', 'unclear', 'dropped', 'again')),
    CONSTRAINT delivery_says_what CHECK (words <> ''),
    CONSTRAINT delivery_names_nobody CHECK (words NOT LIKE '%@%' AND words NOT LIKE '%://%')
);
CREATE INDEX delivery_by_message ON delivery (message_id, id);
CREATE TRIGGER history BEFORE UPDATE OR DELETE OR TRUNCATE ON delivery FOR EACH STATEMENT EXECUTE FUNCTION refuse_edit();


DO $$
BEGIN
    IF EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'paydesk_app') THEN
        GRANT SELECT, INSERT ON message, delivery TO paydesk_app;
        GRANT UPDATE (state, waiting_since, next_try_at, tries, lease_epoch, lease_until, sent_at, error) ON message
            TO paydesk_app;
    END IF;
END $$;
