insert into keyrota.team (name, email, security_email, webhook)
values (:name, cast(:email as text), cast(:security_email as text), cast(:webhook as text))
returning team_id
