-- Lines whose secret another key has, whichever its source.
select i.line, s.key_id, count(*) over () as total
  from pg_temp.key_import i
  join keyrota.api_key_secret s on s.secret_hash = i.secret_hash
 where not exists (select from keyrota.api_key_external x
                    where x.source = :source and x.external_id = i.external_id and x.key_id = s.key_id)
 order by i.line
 limit :most
