-- Month end: movements by time, and what the company's own books call our accounts.

-- The ledger is written in the order of time, so a few blocks hold a month.
CREATE INDEX ledger_by_time ON ledger_transfer USING brin (effective_at) WITH (pages_per_range = 32);

-- What a journal calls an account; without a row it goes by our own name.
CREATE TABLE account_code (
    account text NOT NULL PRIMARY KEY,
    code    text NOT NULL,
    CONSTRAINT code_of_a_ledger_account CHECK (account IN ('earnings', 'held', 'available', 'reserved', 'paid', 'fees')),
    CONSTRAINT account_code_is_short CHECK (code <> '' AND length(code) <= 60)
);

DO $$
BEGIN
    IF EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'paydesk_app') THEN
        GRANT SELECT, INSERT, UPDATE (code) ON account_code TO paydesk_app;
    END IF;
END $$;
