-- Of these hours usage is unknown, or a gateway was silent: what is counted in them tells the detector nothing.
select keyrota.micros(from_at) as from_at, keyrota.micros(to_at) as to_at
  from (select from_at, to_at from keyrota.usage_gap union all select from_at, to_at from keyrota.usage_silence) unknown
 order by from_at
