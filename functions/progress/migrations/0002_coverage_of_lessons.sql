-- Two lessons may show one video: what was seen is kept for each, and counted again from the log.
update progress.learners learner set coverage = coalesce(
  (select jsonb_object_agg(viewing, seen) from (
    select concat(fact ->> 'lessonId', '/', fact ->> 'mediaId') as viewing,
      max((fact ->> 'coverageBasisPoints')::integer) as seen
    from progress.facts
    where account_id = learner.account_id and course_id = learner.course_id and fact ->> 'kind' = 'watched'
    group by 1
  ) seen_in_lessons),
  '{}'
);
