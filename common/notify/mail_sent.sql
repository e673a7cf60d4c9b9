select keyrota.log_sent(cast($1 as bigint), $2, keyrota.instant(cast($3 as bigint)), $4, $5, cast($6 as boolean))
