insert into keyrota.team (name, email, security_email)
values (:name, cast(:email as text), cast(:security_email as text))
returning team_id
