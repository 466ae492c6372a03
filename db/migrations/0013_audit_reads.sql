-- The audit trail can be looked through by what was done.

CREATE INDEX audit_by_action ON audit (action, seq);
CREATE INDEX audit_by_time ON audit USING brin (at) WITH (pages_per_range = 32);
