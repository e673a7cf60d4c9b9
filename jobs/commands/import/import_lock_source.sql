-- Two imports of one source wait for each other, however long that takes; those of other sources do not. The lock ends with
-- the transaction, so it is safe behind a pooler.
select pg_advisory_xact_lock(hashtextextended('keyrota import ' || cast(:source as text), 0))::text as locked
