-- Hours of which usage is unknown, and hours in which a gateway was silent unlike itself: what others counted in these is known.
select keyrota.micros(from_at) as from_at, keyrota.micros(to_at) as to_at, is_silence::int as is_silence
  from (select from_at, to_at, false as is_silence from keyrota.usage_gap
         union all
        select from_at, to_at, true from keyrota.usage_silence where is_unusual) unknown
 order by from_at
