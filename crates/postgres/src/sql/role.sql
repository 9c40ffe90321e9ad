-- What two roles may do, and no more. Run it as the owner of the schema, after each migration; it can be run again.
--
-- {application} is the role of services: it creates, issues, redeems, revokes and reads. It cannot remove anything, nor
-- change what a link is, nor read the outbox.
-- {housekeeping} is the role of the operator: it sweeps, purges and delivers the outbox. It cannot make a link or a
-- session, nor see a digest.

REVOKE ALL ON SCHEMA {schema} FROM PUBLIC, {application}, {housekeeping};
REVOKE ALL ON ALL TABLES IN SCHEMA {schema} FROM PUBLIC, {application}, {housekeeping};
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA {schema} FROM PUBLIC;
GRANT USAGE ON SCHEMA {schema} TO {application}, {housekeeping};
GRANT SELECT ON {schema}.schema_version TO {application}, {housekeeping};
-- Functions run with the rights of whoever calls them.
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA {schema} TO {application}, {housekeeping};

GRANT SELECT, INSERT, UPDATE ON {schema}.inquiries TO {application};
GRANT SELECT, INSERT ON {schema}.links, {schema}.sessions, {schema}.endings TO {application};
-- What a link is for, whose it is and how long it lives stays as it was issued; so does whose a session is.
GRANT UPDATE (revoked_at, claim, lease_until, used_at, session, replays, grace_until, grace_max_replays, grace_clients,
    attempt, binding) ON {schema}.links TO {application};
GRANT UPDATE (revoked_at, tokens) ON {schema}.sessions TO {application};
GRANT INSERT ON {schema}.outbox TO {application};

GRANT SELECT, UPDATE, DELETE ON {schema}.inquiries TO {housekeeping};
GRANT SELECT (tenant, inquiry, id, purpose, parent, epoch, generation, expires_at, lease_until, used_at, session,
    grace_until, purge_from), UPDATE (purge_from), DELETE ON {schema}.links TO {housekeeping};
GRANT SELECT (tenant, inquiry, id, link, epoch, expires_at, revoked_at, purge_from), UPDATE (purge_from), DELETE
    ON {schema}.sessions TO {housekeeping};
GRANT SELECT, INSERT, DELETE ON {schema}.endings, {schema}.outbox TO {housekeeping};
