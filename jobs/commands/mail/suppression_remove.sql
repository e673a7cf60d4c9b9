delete from keyrota.suppression where address = lower(:address) and suppressed_at is not null returning reason
