-- A fee is borne by the partner, who gets that much less, or by the platform, for whom it is a cost of the house: worked out
-- at queueing like the other, frozen with the payout, and totalled on the day it was paid.

ALTER TABLE payout ADD COLUMN platform_cost_minor bigint NOT NULL DEFAULT 0;
ALTER TABLE payout ADD CONSTRAINT one_side_bears_the_fee
    CHECK (platform_cost_minor >= 0 AND (platform_cost_minor = 0 OR fee_minor = 0));

CREATE FUNCTION platform_cost_is_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM refuse('platform_cost_is_frozen', 'what a payout costs is fixed when it is queued');
    RETURN NULL;
END $$;
CREATE TRIGGER platform_cost_is_frozen BEFORE UPDATE ON payout
    FOR EACH ROW WHEN (NEW.platform_cost_minor <> OLD.platform_cost_minor) EXECUTE FUNCTION platform_cost_is_frozen();

-- A new measure: what payouts cost us, by the day they were paid.
ALTER TABLE daily_total DROP CONSTRAINT declared_measure;
ALTER TABLE daily_total ADD CONSTRAINT declared_measure CHECK (measure IN (
    'revenue', 'platform_fee', 'earned', 'paid', 'payout_fee', 'payout_cost', 'failed', 'returned'));

CREATE OR REPLACE FUNCTION count_payouts() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO payout_counter
        SELECT program_id, status, method, currency, count(*), sum(amount_minor), sum(net_minor)
          FROM new_rows GROUP BY 1, 2, 3, 4;
        RETURN NULL;
    END IF;
    INSERT INTO payout_counter
    SELECT program_id, status, method, currency, sum(sign), sum(sign * amount_minor), sum(sign * net_minor)
      FROM (SELECT o.*, -1 AS sign FROM old_rows o JOIN new_rows n USING (id) WHERE n.status <> o.status
             UNION ALL
            SELECT n.*, 1 FROM new_rows n JOIN old_rows o USING (id) WHERE n.status <> o.status) moved
     GROUP BY 1, 2, 3, 4;
    INSERT INTO daily_total
    SELECT (n.processed_at AT TIME ZONE g.zone)::date, n.program_id, m.measure, count(*), sum(m.amount)
      FROM new_rows n JOIN old_rows o USING (id) JOIN program g ON g.id = n.program_id
     CROSS JOIN LATERAL (VALUES ('paid', n.amount_minor, n.status = 'paid'), ('payout_fee', n.fee_minor, n.status = 'paid'),
                                ('payout_cost', n.platform_cost_minor, n.status = 'paid' AND n.platform_cost_minor > 0),
                                ('failed', n.amount_minor, n.status = 'failed')) AS m (measure, amount, wanted)
     WHERE n.status <> o.status AND n.status IN ('paid', 'failed') AND m.wanted
     GROUP BY 1, 2, 3;
    RETURN NULL;
END $$;
