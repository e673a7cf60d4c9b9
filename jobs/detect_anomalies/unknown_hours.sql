-- Of these hours usage is unknown to every check: what is counted in them tells the detector nothing.
select keyrota.micros(from_at) as from_at, keyrota.micros(to_at) as to_at
  from keyrota.usage_gap
 order by from_at
