-- Anything is found by what it was once called, and by every reference a provider gave.


-- What a person was called before. Blanked with the name: what is blanked is not found any more.
CREATE TABLE former_name (
    identity_id bigint NOT NULL REFERENCES identity,
    kind        text   NOT NULL CONSTRAINT declared_former_name CHECK (kind IN ('name', 'email')),
    value       text   NOT NULL CONSTRAINT former_name_says_something CHECK (btrim(value) <> ''),
    CONSTRAINT former_name_once PRIMARY KEY (identity_id, kind, value)
);
CREATE INDEX former_name_by_value ON former_name (lower(value) text_pattern_ops);

-- With the owner's rights: nobody else writes it.
CREATE FUNCTION identity_is_remembered() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NEW.blanked_at IS NOT NULL THEN
        DELETE FROM former_name WHERE identity_id = NEW.id;
    ELSE
        INSERT INTO former_name (identity_id, kind, value)
        SELECT NEW.id, was.kind, was.value
          FROM (VALUES ('name', OLD.name, NEW.name), ('email', OLD.email, NEW.email)) AS was (kind, value, now)
         WHERE btrim(was.value) <> '' AND was.value IS DISTINCT FROM was.now
            ON CONFLICT DO NOTHING;
    END IF;
    RETURN NULL;
END $$;
REVOKE EXECUTE ON FUNCTION identity_is_remembered() FROM PUBLIC;
CREATE TRIGGER identity_is_remembered AFTER UPDATE OF name, email, blanked_at ON identity
    FOR EACH ROW WHEN ((OLD.name, OLD.email, OLD.blanked_at) IS DISTINCT FROM (NEW.name, NEW.email, NEW.blanked_at))
    EXECUTE FUNCTION identity_is_remembered();


CREATE INDEX attempt_call_by_request ON attempt_call (request_id) WHERE request_id IS NOT NULL;
CREATE INDEX bank_arrival_by_ref     ON bank_arrival (bank_ref);
CREATE INDEX reversal_by_ref         ON reversal (provider_ref) WHERE provider_ref IS NOT NULL;
CREATE INDEX payment_by_charge       ON payment (charge_ref) WHERE charge_ref IS NOT NULL;
CREATE INDEX payment_by_ref          ON payment (payment_ref);
CREATE INDEX partner_by_code         ON partner (lower(code) text_pattern_ops);


DO $$
BEGIN
    IF EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'paydesk_app') THEN
        GRANT SELECT ON former_name TO paydesk_app;
    END IF;
END $$;
