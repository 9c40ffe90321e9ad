-- Version 2: what lists of inquiries are read from, in their order.
--
-- The deadline stands in two of them, so that what is expired by now is told from what is not without a look at the row.
-- None names a column that a redemption changes: it stays one page (HOT). An index that is there already is kept, so that
-- each can be made ahead and CONCURRENTLY, beside the traffic.
CREATE INDEX IF NOT EXISTS inquiries_by_status
    ON {schema}.inquiries (tenant, status, created_at, id) INCLUDE (expires_at);
CREATE INDEX IF NOT EXISTS inquiries_by_template
    ON {schema}.inquiries (tenant, template, status, created_at, id) INCLUDE (expires_at);
CREATE INDEX IF NOT EXISTS inquiries_by_reference
    ON {schema}.inquiries (tenant, reference, created_at, id) WHERE reference IS NOT NULL;
