-- What the analysts read is counted as it happens: how long money waited, and how old what is owed is.
--
-- As the other totals: rows are added in the transaction of the change and summed when read, so that nobody waits for
-- anybody here. fold_totals() makes few rows of many.


-- ---------------------------------------------------------------------------------------------------------------
-- Reads that touch an index alone
-- ---------------------------------------------------------------------------------------------------------------

CREATE INDEX payout_paid ON payout (processed_at) INCLUDE (program_id, partner_id, method, amount_minor, fee_minor)
    WHERE status IN ('paid', 'reversed');
CREATE INDEX payout_failed ON payout (processed_at) INCLUDE (program_id, reason_code, amount_minor)
    WHERE status = 'failed';
CREATE INDEX payout_waiting ON payout (program_id, status, queued_at) INCLUDE (amount_minor)
    WHERE status IN ('pending', 'approved', 'processing', 'retrying');
CREATE INDEX attempt_declined ON attempt (ended_at) INCLUDE (payout_id, code, error_class) WHERE state = 'declined';
DROP INDEX customer_by_sign_up;
CREATE INDEX customer_by_sign_up ON customer (program_id, signed_up_at) INCLUDE (cancelled_at);


-- ---------------------------------------------------------------------------------------------------------------
-- How long money waited
-- ---------------------------------------------------------------------------------------------------------------

CREATE TABLE daily_wait (
    day        date   NOT NULL,                            -- the payout was paid on, in the program's zone
    program_id int    NOT NULL,
    measure    text   NOT NULL CONSTRAINT declared_wait CHECK (measure IN (
        'earned',      -- from the earning's event to its payment, each earning above zero once
        'approved')),  -- from the last approval to the payment, each payout once
    at_least_s int    NOT NULL,                            -- the class of waits it falls in: from so many seconds on
    n          bigint NOT NULL,
    seconds    bigint NOT NULL
);
CREATE INDEX daily_wait_by_day ON daily_wait (measure, day);

CREATE FUNCTION wait_class(seconds double precision) RETURNS int LANGUAGE sql IMMUTABLE AS $$
    SELECT bounds[greatest(width_bucket(seconds, bounds::double precision[]), 1)]
      FROM (SELECT ARRAY[0, 60, 300, 3600, 14400, 86400, 172800, 259200, 604800, 1209600, 2592000, 5184000, 7776000] AS bounds) b
$$;

CREATE FUNCTION time_to_pay() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
    SET enable_seqscan = off AS $$
BEGIN
    INSERT INTO daily_wait
    SELECT (p.processed_at AT TIME ZONE g.zone)::date, p.program_id, w.measure, wait_class(w.seconds), count(*),
           sum(w.seconds)::bigint
      FROM (SELECT n.* FROM new_rows n JOIN old_rows o USING (id) WHERE n.status = 'paid' AND o.status <> 'paid') p
      JOIN program g ON g.id = p.program_id
     CROSS JOIN LATERAL (
           SELECT 'earned' AS measure, greatest(extract(epoch FROM p.processed_at - e.occurred_at), 0)::double precision AS seconds
             FROM payout_item i JOIN earning e ON e.id = i.earning_id
            WHERE i.payout_id = p.id AND e.amount_minor > 0 AND e.kind <> 'return'
            UNION ALL
           SELECT 'approved', greatest(extract(epoch FROM p.processed_at - p.decided_at), 0)::double precision
            WHERE p.decided_at IS NOT NULL) w
     GROUP BY 1, 2, 3, 4;
    RETURN NULL;
END $$;
CREATE TRIGGER time_to_pay AFTER UPDATE ON payout REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION time_to_pay();

INSERT INTO daily_wait
SELECT (p.processed_at AT TIME ZONE g.zone)::date, p.program_id, w.measure, wait_class(w.seconds), count(*), sum(w.seconds)::bigint
  FROM payout p JOIN program g ON g.id = p.program_id
 CROSS JOIN LATERAL (
       SELECT 'earned' AS measure, greatest(extract(epoch FROM p.processed_at - e.occurred_at), 0)::double precision AS seconds
         FROM payout_item i JOIN earning e ON e.id = i.earning_id
        WHERE i.payout_id = p.id AND e.amount_minor > 0 AND e.kind <> 'return'
        UNION ALL
       SELECT 'approved', greatest(extract(epoch FROM p.processed_at - p.decided_at), 0)::double precision
        WHERE p.decided_at IS NOT NULL) w
 WHERE p.status IN ('paid', 'reversed')
 GROUP BY 1, 2, 3, 4;


-- ---------------------------------------------------------------------------------------------------------------
-- How old what is owed is
-- ---------------------------------------------------------------------------------------------------------------

CREATE TABLE open_total (
    program_id   int    NOT NULL,
    day          date   NOT NULL,                          -- it may be paid from, in the program's zone
    kind         text   NOT NULL CONSTRAINT declared_open_kind CHECK (kind IN ('open', 'on_hold', 'debt')),
    n            bigint NOT NULL,
    amount_minor bigint NOT NULL
);
CREATE INDEX open_total_by_program ON open_total (program_id, day);

CREATE FUNCTION total_open_items() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
    SET enable_seqscan = off AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO open_total
        SELECT r.program_id, (i.release_at AT TIME ZONE g.zone)::date,
               CASE WHEN i.amount_minor < 0 THEN 'debt' WHEN i.on_hold THEN 'on_hold' ELSE 'open' END, count(*), sum(i.amount_minor)
          FROM new_rows i JOIN partner r ON r.id = i.partner_id JOIN program g ON g.id = r.program_id GROUP BY 1, 2, 3;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO open_total
        SELECT r.program_id, (i.release_at AT TIME ZONE g.zone)::date,
               CASE WHEN i.amount_minor < 0 THEN 'debt' WHEN i.on_hold THEN 'on_hold' ELSE 'open' END, -count(*), -sum(i.amount_minor)
          FROM old_rows i JOIN partner r ON r.id = i.partner_id JOIN program g ON g.id = r.program_id GROUP BY 1, 2, 3;
    ELSE
        INSERT INTO open_total
        SELECT r.program_id, (i.release_at AT TIME ZONE g.zone)::date,
               CASE WHEN i.amount_minor < 0 THEN 'debt' WHEN i.on_hold THEN 'on_hold' ELSE 'open' END, sum(i.sign), sum(i.sign * i.amount_minor)
          FROM (SELECT o.*, -1 AS sign FROM old_rows o UNION ALL SELECT n.*, 1 FROM new_rows n) i
          JOIN partner r ON r.id = i.partner_id JOIN program g ON g.id = r.program_id
         GROUP BY 1, 2, 3 HAVING sum(i.sign) <> 0 OR sum(i.sign * i.amount_minor) <> 0;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER total_new_open_items AFTER INSERT ON open_item REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION total_open_items();
CREATE TRIGGER total_closed_open_items AFTER DELETE ON open_item REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION total_open_items();
CREATE TRIGGER total_moved_open_items AFTER UPDATE ON open_item REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION total_open_items();

INSERT INTO open_total
SELECT r.program_id, (i.release_at AT TIME ZONE g.zone)::date,
       CASE WHEN i.amount_minor < 0 THEN 'debt' WHEN i.on_hold THEN 'on_hold' ELSE 'open' END, count(*), sum(i.amount_minor)
  FROM open_item i JOIN partner r ON r.id = i.partner_id JOIN program g ON g.id = r.program_id GROUP BY 1, 2, 3;


CREATE OR REPLACE FUNCTION fold_totals() RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH gone AS (DELETE FROM payout_counter RETURNING *)
    INSERT INTO payout_counter
    SELECT program_id, status, method, currency, sum(n), sum(amount_minor), sum(net_minor)
      FROM gone GROUP BY 1, 2, 3, 4 HAVING sum(n) <> 0 OR sum(amount_minor) <> 0;
    WITH many AS (SELECT measure, day, program_id FROM daily_total GROUP BY 1, 2, 3 HAVING count(*) > 1),
         gone AS (DELETE FROM daily_total t USING many m
                   WHERE t.measure = m.measure AND t.day = m.day AND t.program_id = m.program_id RETURNING t.*)
    INSERT INTO daily_total (day, program_id, measure, n, amount_minor)
    SELECT day, program_id, measure, sum(n), sum(amount_minor) FROM gone GROUP BY 1, 2, 3;
    WITH many AS (SELECT measure, day, program_id, at_least_s FROM daily_wait GROUP BY 1, 2, 3, 4 HAVING count(*) > 1),
         gone AS (DELETE FROM daily_wait t USING many m
                   WHERE t.measure = m.measure AND t.day = m.day AND t.program_id = m.program_id AND t.at_least_s = m.at_least_s
                  RETURNING t.*)
    INSERT INTO daily_wait (day, program_id, measure, at_least_s, n, seconds)
    SELECT day, program_id, measure, at_least_s, sum(n), sum(seconds) FROM gone GROUP BY 1, 2, 3, 4;
    WITH gone AS (DELETE FROM open_total RETURNING *)
    INSERT INTO open_total
    SELECT program_id, day, kind, sum(n), sum(amount_minor)
      FROM gone GROUP BY 1, 2, 3 HAVING sum(n) <> 0 OR sum(amount_minor) <> 0;
$$;


DO $$
BEGIN
    IF EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'paydesk_app') THEN
        GRANT SELECT ON daily_wait, open_total TO paydesk_app;
    END IF;
END $$;

REVOKE EXECUTE ON FUNCTION time_to_pay(), total_open_items() FROM PUBLIC;
