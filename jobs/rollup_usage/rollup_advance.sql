-- Moves the watermark, in the transaction that counted up to it. Bounds that are behind it say how far usage is complete.
-- None affected: somebody else moved it, and what was counted here must not be committed.
update keyrota.usage_watermark w
   set xid = cast(:until as bigint), rolled_at = keyrota.instant(:rolled_at),
       complete_until = greatest(w.complete_until, (select max(taken_at) from keyrota.usage_rollup
                                                     where snapshot_xmax <= cast(:until as bigint)))
 where w.xid = cast(:from as bigint)
