-- Methods without an API: approved payouts leave in a file that a person hands to the bank, PayPal or the printer of checks,
-- and are marked by hand once it is known what became of them. An attempt by provider `file` is one line of one file.
--
-- Lock order: partner_balance, payout, then payment_file; its lines and marks need no lock of their own; audit_head last.


-- ---------------------------------------------------------------------------------------------------------------
-- Whom a file pays
-- ---------------------------------------------------------------------------------------------------------------

-- The key that details are encrypted with, itself encrypted under PAYDESK_SECRETS_KEY, which is never in the database. A
-- new PAYDESK_SECRETS_KEY encrypts this one row again, and nothing else.
CREATE TABLE data_key (
    one     boolean     PRIMARY KEY DEFAULT true CONSTRAINT one_data_key CHECK (one),
    sealed  bytea       NOT NULL,
    made_at timestamptz NOT NULL
);
CREATE TRIGGER data_key_is_kept BEFORE DELETE OR TRUNCATE ON data_key
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_edit();

-- Insert only. Full details of one payee: `sealed` is the one column with them, encrypted and bound to this row. All else
-- shows the country and the last four. The desk's processes may write `sealed` and never select it: they get it from
-- payees_of_file() alone, for lines of a file, which only approved payouts become.
CREATE TABLE payee (
    ref         uuid        PRIMARY KEY,
    partner_id  bigint      NOT NULL REFERENCES partner,
    method      text        NOT NULL CONSTRAINT declared_payee_method CHECK (method IN ('bank_transfer', 'paypal', 'check')),
    sealed      bytea       NOT NULL,
    shown       text        NOT NULL CONSTRAINT shows_the_last_four CHECK (shown ~ '^[A-Z]{2} ····[A-Z0-9]{1,4}$'),
    fingerprint bytea       NOT NULL,                      -- keyed: equal details are equal, and nobody can try details out
    made_by     text        NOT NULL,
    made_at     timestamptz NOT NULL,
    CONSTRAINT payee_of_partner UNIQUE (ref, partner_id, method)
);
CREATE INDEX payee_by_partner ON payee (partner_id);
CREATE TRIGGER history BEFORE UPDATE OR DELETE OR TRUNCATE ON payee
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_edit();

ALTER TABLE destination ADD COLUMN payee_ref uuid;
ALTER TABLE destination ADD CONSTRAINT destination_is_its_partners_payee
    FOREIGN KEY (payee_ref, partner_id, method) REFERENCES payee (ref, partner_id, method);


-- ---------------------------------------------------------------------------------------------------------------
-- Files and their lines
-- ---------------------------------------------------------------------------------------------------------------

-- One file of one program, method and currency. A payout paid by hand is a file of its own, that was handed in already.
CREATE TABLE payment_file (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    ref           uuid        NOT NULL DEFAULT gen_random_uuid() CONSTRAINT file_ref_once UNIQUE,
    program_id    int         NOT NULL,
    method        text        NOT NULL,
    currency      char(3)     NOT NULL,
    payouts       int         NOT NULL,
    total_minor   bigint      NOT NULL,                    -- net
    debtor        jsonb,                                   -- our own account, for the bank's format; NULL: only CSV
    digests       jsonb       NOT NULL DEFAULT '{}',       -- SHA-256 of what may be downloaded, by format
    state         text        NOT NULL DEFAULT 'made',
    made_by       text        NOT NULL,
    made_at       timestamptz NOT NULL,
    sent_ref      text,                                    -- the bank's reference, or the first check's number
    sent_by       text,
    sent_at       timestamptz,
    cancelled_by  text,
    cancelled_at  timestamptz,
    cancel_reason text,
    CONSTRAINT file_in_its_programs_currency FOREIGN KEY (program_id, currency) REFERENCES program (id, currency),
    CONSTRAINT declared_file_method CHECK (method IN ('bank_transfer', 'paypal', 'check', 'manual')),
    CONSTRAINT declared_file_state CHECK (state IN ('made', 'sent', 'cancelled')),
    CONSTRAINT file_pays_something CHECK (payouts > 0 AND total_minor > 0),
    CONSTRAINT sent_with_a_reference CHECK (
        num_nonnulls(nullif(btrim(sent_ref), ''), sent_by, sent_at) = CASE state WHEN 'sent' THEN 3 ELSE 0 END),
    CONSTRAINT cancelled_with_a_reason CHECK (
        num_nonnulls(cancelled_by, cancelled_at, nullif(cancel_reason, '')) = CASE state WHEN 'cancelled' THEN 3 ELSE 0 END)
);
CREATE INDEX payment_file_open ON payment_file (state, made_at) WHERE state = 'made';

-- Insert only. One attempt of one payout: what it pays was frozen with the attempt, whom it pays with the payee.
CREATE TABLE payment_file_line (
    file_id      bigint NOT NULL REFERENCES payment_file,
    position     int    NOT NULL CONSTRAINT lines_are_counted_from_one CHECK (position > 0),
    payout_id    bigint NOT NULL,
    n            int    NOT NULL,
    reference    text   NOT NULL CONSTRAINT line_reference_once UNIQUE,     -- what the bank carries to the payee and back
    amount_minor bigint NOT NULL,
    payee_ref    uuid   REFERENCES payee,                  -- NULL: paid by hand
    PRIMARY KEY (file_id, position),
    CONSTRAINT line_is_an_attempt FOREIGN KEY (payout_id, n) REFERENCES attempt,
    CONSTRAINT attempt_in_one_file UNIQUE (payout_id, n)
);
CREATE TRIGGER history BEFORE UPDATE OR DELETE OR TRUNCATE ON payment_file_line
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_edit();

CREATE FUNCTION lines_pay_what_was_approved() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp
    SET enable_seqscan = off AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM new_rows n
         CROSS JOIN LATERAL (SELECT * FROM payment_file WHERE id = n.file_id LIMIT 1) f
         CROSS JOIN LATERAL (SELECT * FROM attempt WHERE payout_id = n.payout_id AND attempt.n = n.n LIMIT 1) a
         CROSS JOIN LATERAL (SELECT * FROM payout WHERE id = n.payout_id LIMIT 1) p
         CROSS JOIN LATERAL (SELECT * FROM destination WHERE id = p.destination_id LIMIT 1) d
          LEFT JOIN LATERAL (SELECT partner_id, method FROM payee WHERE ref = n.payee_ref LIMIT 1) y ON true
         WHERE a.provider <> 'file' OR a.state <> 'started' OR f.state <> 'made'
            OR n.amount_minor <> p.net_minor OR a.params -> 'amount_minor' IS DISTINCT FROM to_jsonb(n.amount_minor)
            OR (p.program_id, p.method, p.currency) IS DISTINCT FROM (f.program_id, f.method, f.currency)
            OR NOT CASE f.method WHEN 'manual' THEN n.payee_ref IS NULL
                                 WHEN 'paypal' THEN (y.partner_id, y.method) IS NOT DISTINCT FROM (p.partner_id, p.method)
                                 ELSE n.payee_ref IS NOT DISTINCT FROM d.payee_ref AND n.payee_ref IS NOT NULL END)
    THEN PERFORM refuse('lines_pay_what_was_approved', 'a line pays one approved payout, whole, to its own destination'); END IF;
    IF EXISTS (SELECT 1 FROM (SELECT DISTINCT file_id FROM new_rows) n
                CROSS JOIN LATERAL (SELECT * FROM payment_file WHERE id = n.file_id LIMIT 1) f
                CROSS JOIN LATERAL (SELECT count(*) AS lines, sum(amount_minor) AS total
                                      FROM payment_file_line WHERE file_id = n.file_id) l
                WHERE l.lines <> f.payouts OR l.total <> f.total_minor)
    THEN PERFORM refuse('file_is_its_lines', 'a file has all its lines at once, and comes to their sum'); END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER lines_pay_what_was_approved AFTER INSERT ON payment_file_line REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION lines_pay_what_was_approved();

CREATE FUNCTION file_has_its_lines() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM payment_file_line WHERE file_id = NEW.id)
    THEN PERFORM refuse('file_has_its_lines', 'a file is made with its lines'); END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER file_has_its_lines AFTER INSERT ON payment_file DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION file_has_its_lines();

-- A payout leaves by one way: an attempt by file is a line of a file, and only of a method that no rail in use serves.
CREATE FUNCTION file_attempts_are_in_a_file() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM payment_file_line WHERE payout_id = NEW.payout_id AND n = NEW.n)
    THEN PERFORM refuse('file_attempts_are_in_a_file', 'an attempt by file is a line of a file'); END IF;
    IF NOT EXISTS (SELECT 1 FROM rail_in_use r JOIN payout p ON p.id = NEW.payout_id WHERE p.method <> ALL (r.methods))
    THEN PERFORM refuse('files_serve_what_no_rail_serves', 'what the rail in use serves leaves by the rail'); END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER file_attempts_are_in_a_file AFTER INSERT ON attempt DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.provider = 'file') EXECUTE FUNCTION file_attempts_are_in_a_file();


-- ---------------------------------------------------------------------------------------------------------------
-- What became of it, by the word of a person who approved none of it
-- ---------------------------------------------------------------------------------------------------------------

CREATE FUNCTION payment_file_moves_on() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.state <> 'made' THEN PERFORM refuse('file_begins_made', 'a file begins as made'); END IF;
        RETURN NEW;
    END IF;
    IF (NEW.id, NEW.ref, NEW.program_id, NEW.method, NEW.currency, NEW.payouts, NEW.total_minor, NEW.debtor, NEW.made_by,
        NEW.made_at)
       IS DISTINCT FROM
       (OLD.id, OLD.ref, OLD.program_id, OLD.method, OLD.currency, OLD.payouts, OLD.total_minor, OLD.debtor, OLD.made_by,
        OLD.made_at)
       OR (OLD.digests <> '{}' AND NEW.digests <> OLD.digests) OR OLD.state <> 'made'
    THEN PERFORM refuse('file_ends_once', 'a file stays what it was, and is sent or cancelled once'); END IF;
    IF NEW.state = 'sent' AND EXISTS (
        SELECT 1 FROM payment_file_line l JOIN approval a ON a.payout_id = l.payout_id
         WHERE l.file_id = NEW.id AND a.actor = NEW.sent_by AND a.decision = 'approve')
    THEN PERFORM refuse('approvers_never_mark', 'who approved a payout never says what became of it'); END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER payment_file_moves_on BEFORE INSERT OR UPDATE ON payment_file
    FOR EACH ROW EXECUTE FUNCTION payment_file_moves_on();
CREATE TRIGGER payment_file_is_kept BEFORE DELETE OR TRUNCATE ON payment_file
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_edit();

-- Insert only. `ends`: it ended the attempt; without, what was marked as paid came back later.
CREATE TABLE payment_mark (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    payout_id   bigint      NOT NULL,
    n           int         NOT NULL,
    ends        boolean     NOT NULL,
    outcome     text        NOT NULL CONSTRAINT declared_mark CHECK (outcome IN ('paid', 'failed', 'returned')),
    error_class text        CONSTRAINT declared_mark_class CHECK (error_class IN ('account', 'instruction', 'limits')),
    reason      text        NOT NULL DEFAULT '',
    happened_on date        NOT NULL,
    marked_by   text        NOT NULL CONSTRAINT people_mark CHECK (starts_with(marked_by, 'user:')),
    marked_at   timestamptz NOT NULL,
    CONSTRAINT mark_of_a_line FOREIGN KEY (payout_id, n) REFERENCES payment_file_line (payout_id, n),
    CONSTRAINT mark_has_a_reason CHECK (outcome = 'paid' OR reason <> ''),
    CONSTRAINT mark_of_a_failure_has_a_class CHECK ((ends AND outcome <> 'paid') = (error_class IS NOT NULL)),
    CONSTRAINT later_only_what_came_back CHECK (ends OR outcome = 'returned')
);
CREATE UNIQUE INDEX marked_once ON payment_mark (payout_id, n, ends);
CREATE TRIGGER history BEFORE UPDATE OR DELETE OR TRUNCATE ON payment_mark
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_edit();

CREATE FUNCTION marks_are_fair() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM approval WHERE payout_id = NEW.payout_id AND actor = NEW.marked_by AND decision = 'approve')
    THEN PERFORM refuse('approvers_never_mark', 'who approved a payout never says what became of it'); END IF;
    IF NOT EXISTS (SELECT 1 FROM payment_file_line l JOIN payment_file f ON f.id = l.file_id
                    WHERE l.payout_id = NEW.payout_id AND l.n = NEW.n AND f.state = 'sent')
    THEN PERFORM refuse('marked_after_it_was_sent', 'a payment is marked once its file was sent'); END IF;
    IF NOT NEW.ends AND NOT EXISTS (SELECT 1 FROM payment_mark WHERE payout_id = NEW.payout_id AND n = NEW.n AND ends
                                       AND outcome = 'paid')
    THEN PERFORM refuse('only_paid_comes_back', 'only what was marked as paid comes back later'); END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER marks_are_fair BEFORE INSERT ON payment_mark FOR EACH ROW EXECUTE FUNCTION marks_are_fair();

-- The mark, the attempt and the file are written in one transaction: at commit they tell one story.
CREATE FUNCTION marks_and_attempts_agree() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM attempt a
          LEFT JOIN payment_file_line l USING (payout_id, n)
          LEFT JOIN payment_file f ON f.id = l.file_id
          LEFT JOIN payment_mark m ON m.payout_id = a.payout_id AND m.n = a.n AND m.ends
         WHERE a.payout_id = NEW.payout_id AND a.n = NEW.n
           AND NOT CASE WHEN m.outcome = 'paid' THEN a.state = 'succeeded'
                        WHEN m.outcome IS NOT NULL THEN a.state = 'declined' AND a.error_class = m.error_class
                        WHEN f.state = 'cancelled' THEN a.state = 'declined' AND a.error_class = 'withdrawn'
                        ELSE a.state = 'started' END)
    THEN PERFORM refuse('marks_and_attempts_agree', 'an attempt by file ends by a mark, or with its cancelled file'); END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER marks_and_attempts_agree AFTER UPDATE OF state ON attempt DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.provider = 'file') EXECUTE FUNCTION marks_and_attempts_agree();
CREATE CONSTRAINT TRIGGER marks_and_attempts_agree AFTER INSERT ON payment_mark DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION marks_and_attempts_agree();

CREATE FUNCTION cancelled_file_gives_back() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM payment_file_line l JOIN attempt a USING (payout_id, n)
                WHERE l.file_id = NEW.id AND a.state <> 'declined')
    THEN PERFORM refuse('cancelled_file_gives_back', 'a cancelled file ends every one of its attempts'); END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER cancelled_file_gives_back AFTER UPDATE OF state ON payment_file DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.state = 'cancelled') EXECUTE FUNCTION cancelled_file_gives_back();

-- Taken back before it left: a definite no that is nobody's fault, so that another attempt may follow.
ALTER TABLE attempt DROP CONSTRAINT declared_error_class;
ALTER TABLE attempt ADD CONSTRAINT declared_error_class CHECK (
    error_class IN ('transient', 'limits', 'account', 'instruction', 'platform_balance', 'withdrawn'));
ALTER TABLE attempt ADD CONSTRAINT only_files_are_withdrawn CHECK (error_class <> 'withdrawn' OR provider = 'file');
ALTER TABLE attempt_call DROP CONSTRAINT declared_call;
ALTER TABLE attempt_call ADD CONSTRAINT declared_call CHECK (what IN ('send', 'find', 'mark'));


-- ---------------------------------------------------------------------------------------------------------------
-- Who may read what
-- ---------------------------------------------------------------------------------------------------------------

CREATE FUNCTION payees_of_file(wanted bigint) RETURNS TABLE (line int, payee uuid, content bytea)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT l.position, y.ref, y.sealed FROM payment_file_line l JOIN payee y ON y.ref = l.payee_ref
     WHERE l.file_id = wanted ORDER BY l.position
$$;
REVOKE EXECUTE ON FUNCTION payees_of_file(bigint) FROM PUBLIC;

DO $$
BEGIN
    IF EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'paydesk_app') THEN
        GRANT SELECT, INSERT ON data_key, payment_file, payment_file_line, payment_mark TO paydesk_app;
        GRANT UPDATE (digests, state, sent_ref, sent_by, sent_at, cancelled_by, cancelled_at, cancel_reason)
              ON payment_file TO paydesk_app;
        GRANT INSERT ON payee TO paydesk_app;
        GRANT SELECT (ref, partner_id, method, shown, fingerprint, made_by, made_at) ON payee TO paydesk_app;
        GRANT EXECUTE ON FUNCTION payees_of_file(bigint) TO paydesk_app;
    END IF;
END $$;
