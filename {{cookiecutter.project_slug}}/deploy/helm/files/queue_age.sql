select coalesce(max(extract(epoch from now() - greatest(event.at, job.scheduled_at))), 0)
from procrastinate_jobs job join procrastinate_events event on event.job_id = job.id and event.type = 'deferred'
where job.status = 'todo' and (job.scheduled_at is null or job.scheduled_at <= now())
