create temporary table decided_notice (
    key_id bigint, finding_uid text, episode integer, anchor_at timestamptz, stage text, recipient text, severity smallint,
    is_copy boolean, at_once boolean, recipient_name text, time_zone text, reason text, next_at timestamptz,
    not_before_at timestamptz) on commit drop
