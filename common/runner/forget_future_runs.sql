-- After a clock that went back: complete runs of a future that did not come move no watermark; the next run looks at all.
update keyrota.job_run set complete = false where job = :job and complete and as_of > clock_timestamp()
