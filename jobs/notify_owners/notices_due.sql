-- About how many findings somebody may have to be told of: those of which nothing was told, or a stage has come since.
select count(*) as total
  from keyrota.finding f
 where f.status in ('open', 'acknowledged') and not f.evidence ? 'held'
   and not exists (select from keyrota.notice n
                    where n.key_id = f.key_id and n.finding_uid = f.uid and n.episode = f.episode and not n.is_copy
                      and n.state in ('observed', 'waiting', 'told')
                      and coalesce(n.next_at > keyrota.instant(:as_of), true))
