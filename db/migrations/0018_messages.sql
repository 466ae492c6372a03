-- More channels, languages and preferences for what the desk tells.
--
-- Lock order: as in the outbox: after whatever is told of, before audit_head. An alert is written by one job alone.

-- A telephone number is personal: it stands where names and emails do, and is blanked with them.
ALTER TABLE identity ADD COLUMN phone text;
ALTER TABLE identity ADD CONSTRAINT phone_is_international CHECK (phone ~ '^\+[1-9][0-9]{6,14}$');
ALTER TABLE identity ADD CONSTRAINT blanked_has_no_phone CHECK (blanked_at IS NULL OR phone IS NULL);

ALTER TABLE partner
    ADD COLUMN language text,                              -- NULL: the program's
    ADD COLUMN notice_days int;                            -- days before a scheduled payout; NULL: the program's, 0: no notice
ALTER TABLE partner ADD CONSTRAINT declared_language CHECK (language IN ('en', 'fr'));
ALTER TABLE partner ADD CONSTRAINT notice_days_are_few CHECK (notice_days BETWEEN 0 AND 30);

-- What a partner chose; where there is no row, what the kind of message is made for holds.
CREATE TABLE message_choice (
    partner_id bigint  NOT NULL REFERENCES partner,
    kind       text    NOT NULL,
    channel    text    NOT NULL,
    wanted     boolean NOT NULL,
    PRIMARY KEY (partner_id, kind, channel),
    CONSTRAINT choice_is_of_a_kind CHECK (kind ~ '^[a-z]+(_[a-z]+)*$'),
    CONSTRAINT declared_choice_channel CHECK (channel IN ('email', 'sms')),
    -- Whoever took over an account must not be able to keep its owner from hearing of it.
    CONSTRAINT security_notices_stay_on CHECK (
        wanted OR channel <> 'email' OR kind NOT IN ('destination_changed', 'contact_changed'))
);

ALTER TABLE message
    ADD COLUMN channel        text    NOT NULL DEFAULT 'email',
    ADD COLUMN recipient      text    NOT NULL DEFAULT 'reader',
    ADD COLUMN to_identity_id bigint  REFERENCES identity,  -- an address that this message alone needs, blanked with its end
    ADD COLUMN language       text,                         -- NULL: the reader's
    ADD COLUMN test           boolean NOT NULL DEFAULT false;
ALTER TABLE message DROP CONSTRAINT told_once;
ALTER TABLE message ADD CONSTRAINT told_once UNIQUE (once, channel, recipient);
ALTER TABLE message ADD CONSTRAINT declared_message_channel CHECK (channel IN ('email', 'sms', 'chat'));
ALTER TABLE message ADD CONSTRAINT declared_recipient CHECK (recipient IN (
    'reader',                                              -- the partner, or the team
    'former',                                              -- whoever had the partner's address before
    'given'));                                             -- an address that a person gave, for a test
ALTER TABLE message ADD CONSTRAINT own_address_unless_the_reader CHECK ((recipient = 'reader') = (to_identity_id IS NULL));
ALTER TABLE message ADD CONSTRAINT declared_message_language CHECK (language IN ('en', 'fr'));
ALTER TABLE message ADD CONSTRAINT test_goes_to_a_given_address CHECK (test = (recipient = 'given'));

DROP INDEX message_due;
CREATE INDEX message_due ON message (channel, next_try_at, id) WHERE state = 'waiting';
CREATE INDEX message_to_the_team ON message (made_at) WHERE partner_id IS NULL AND channel = 'email' AND NOT test;
CREATE INDEX delivery_newest ON delivery (at DESC, id DESC);
CREATE INDEX event_received ON provider_event (received_at);
CREATE INDEX approval_at ON approval USING brin (at);

CREATE OR REPLACE FUNCTION message_moves_on() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.state <> 'waiting' OR NEW.lease_epoch > 0
        THEN PERFORM refuse('message_begins_waiting', 'a message begins as one that waits'); END IF;
        RETURN NEW;
    END IF;
    IF (NEW.id, NEW.ref, NEW.kind, NEW.partner_id, NEW.about, NEW.once, NEW.made_by, NEW.made_at,
        NEW.channel, NEW.recipient, NEW.to_identity_id, NEW.language, NEW.test) IS DISTINCT FROM
       (OLD.id, OLD.ref, OLD.kind, OLD.partner_id, OLD.about, OLD.once, OLD.made_by, OLD.made_at,
        OLD.channel, OLD.recipient, OLD.to_identity_id, OLD.language, OLD.test)
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

-- Something that went wrong, from when it was seen until it was seen no more: it is told once.
CREATE TABLE alert (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name     text        NOT NULL,
    figures  jsonb       NOT NULL DEFAULT '{}',            -- as it began
    began_at timestamptz NOT NULL,
    ended_at timestamptz,
    CONSTRAINT alert_has_a_name CHECK (name ~ '^[a-z]+(_[a-z]+)*$'),
    CONSTRAINT alert_ends_later CHECK (ended_at >= began_at)
);
CREATE UNIQUE INDEX one_alert_at_a_time ON alert (name) WHERE ended_at IS NULL;

CREATE FUNCTION alert_ends_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.id, NEW.name, NEW.figures, NEW.began_at) IS DISTINCT FROM (OLD.id, OLD.name, OLD.figures, OLD.began_at)
       OR OLD.ended_at IS NOT NULL
    THEN PERFORM refuse('alert_ends_once', 'an alert begins, and ends once'); END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER alert_ends_once BEFORE UPDATE ON alert FOR EACH ROW EXECUTE FUNCTION alert_ends_once();
CREATE TRIGGER alert_is_kept BEFORE DELETE OR TRUNCATE ON alert FOR EACH STATEMENT EXECUTE FUNCTION refuse_edit();

-- Insert only. What is told once a day, and for which day it was.
CREATE TABLE told_day (
    what text        NOT NULL,
    day  date        NOT NULL,
    at   timestamptz NOT NULL,
    CONSTRAINT told_once_a_day PRIMARY KEY (what, day)
);
CREATE TRIGGER history BEFORE UPDATE OR DELETE OR TRUNCATE ON told_day FOR EACH STATEMENT EXECUTE FUNCTION refuse_edit();

DO $$
BEGIN
    IF EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'paydesk_app') THEN
        GRANT SELECT, INSERT, UPDATE, DELETE ON message_choice TO paydesk_app;
        GRANT SELECT, INSERT ON alert, told_day TO paydesk_app;
        GRANT UPDATE (ended_at) ON alert TO paydesk_app;
    END IF;
END $$;
