-- Unresolved findings that no waiver excepts, by severity, in so many percent of the table's pages: the same ones each time, so that two looks at
-- an unchanged table agree.
select severity::bigint as severity, count(*) as total
  from keyrota.finding tablesample system (cast(:percent as real)) repeatable (1)
 where status in ('open', 'acknowledged')
 group by severity
