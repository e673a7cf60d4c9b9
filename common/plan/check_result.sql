-- Where one check's rows wait for the diff; dropped with the transaction, or before the next check of a dry run.
create temporary table check_result (
    key_id bigint not null,
    detail text not null,
    severity smallint,  -- null: unknown whether the check holds
    action text,
    due_at timestamptz,
    evidence jsonb not null,
    waiver_id bigint
) on commit drop
