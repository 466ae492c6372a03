-- Where somebody is signed in, by the end of the cookie of that browser, and when they last clicked there. A cookie without
-- its row, or one nobody clicked with for too long, signs nobody in.
CREATE TABLE browser_session (
    user_id      bigint      NOT NULL REFERENCES app_user,
    good_until   timestamptz NOT NULL,
    last_seen_at timestamptz NOT NULL,
    PRIMARY KEY (user_id, good_until)
);

DO $$
BEGIN
    IF EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'paydesk_app') THEN
        GRANT SELECT, INSERT, UPDATE (last_seen_at), DELETE ON browser_session TO paydesk_app;
    END IF;
END $$;
