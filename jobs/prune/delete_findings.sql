-- With their earlier episodes, and who was told. One that was reopened since it was found stays.
with gone as (
    delete from keyrota.finding
     where key_id = any (cast(:ids as bigint[])) and status = 'resolved' and resolved_at <= keyrota.instant(:before)
    returning key_id, uid
), episodes as (
    delete from keyrota.finding_episode e using gone where e.key_id = gone.key_id and e.uid = gone.uid
), notices as (
    delete from keyrota.notice n using gone where n.key_id = gone.key_id and n.finding_uid = gone.uid
)
select count(*) as total from gone
