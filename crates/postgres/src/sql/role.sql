-- The least rights that the store works with. Run it as the owner of the schema, after the migration.
--
-- {application} is the role of services: it issues, redeems, revokes and reads. It cannot remove anything, nor change
-- a table, nor see another schema.
-- {housekeeping} is the role of the operator: it sweeps, purges and empties the outbox, and cannot make a link.

REVOKE ALL ON SCHEMA {schema} FROM PUBLIC;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA {schema} FROM PUBLIC;
GRANT USAGE ON SCHEMA {schema} TO {application}, {housekeeping};
GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {application}, {housekeeping};

GRANT INSERT, UPDATE ON {schema}.inquiries, {schema}.sessions TO {application};
GRANT INSERT ON {schema}.links, {schema}.endings, {schema}.outbox TO {application};
-- What a link is for, whose it is and how long it lives stays as it was issued.
GRANT UPDATE (revoked_at, claim, lease_until, used_at, session, replays, grace_until, grace_max_replays, grace_clients,
    attempt, binding) ON {schema}.links TO {application};

GRANT UPDATE, DELETE ON {schema}.inquiries TO {housekeeping};
GRANT UPDATE (purge_from), DELETE ON {schema}.links, {schema}.sessions TO {housekeeping};
GRANT INSERT, DELETE ON {schema}.endings, {schema}.outbox TO {housekeeping};

-- Functions run with the rights of whoever calls them.
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA {schema} TO {application}, {housekeeping};
